from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.report.text import (
    brief_seconds,
    clean,
    clean_but_coloured,
    clean_lines,
    named,
    running_seconds,
    seconds,
    shorten,
    whole_seconds,
)

ESCAPES = st.lists(
    st.sampled_from(
        [
            *(
                "\x1b",
                "\x1b[",
                "\x1b]",
                "\x9b",
                "\x07",
                "\x1b\\",
                "\r",
                "\n",
                "\t",
                "\u2028",
                "\u202e",
                "\udc80",
            ),
            *(
                "2J",
                "31m",
                "0;title",
                "8;;http://a",
                "?1049h",
                "H",
                "P",
                "text",
                "é",
                "漢",
                "\x00",
                "\x7f",
                "38;5;1m",
            ),
            "9" * 50 + "m",
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        ("just text", "just text"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;my title\x07shown", "shown"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x9b31mC1", "C1"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b(Bcharset", "charset"),
        ("bell\x07 back\x08 null\x00", "bell back null"),
        ("10%\r20%\r30%", "30%"),
        ("line end\r\n", "line end"),
        ("100%\r", "100%"),
        ("two\nlines", "two lines"),
        ("a\tb", "a       b"),
        ("reversed \u202egpj.exe", "reversed gpj.exe"),
        ("name\udce9.py", "name\N{REPLACEMENT CHARACTER}.py"),
        ("[red]no markup[/red]", "[red]no markup[/red]"),
    ],
)
def test_what_could_break_a_screen_is_taken_out(dirty: str, plain: str) -> None:
    assert clean(dirty) == plain


def test_colour_stays_where_it_may_stay_and_nothing_else_does() -> None:
    assert clean_but_coloured("\x1b[1;32mINFO\x1b[0m\x1b[2K ok\x1b[?25l") == "\x1b[1;32mINFO\x1b[0m ok"


def test_a_colour_with_endless_parameters_is_dropped() -> None:
    assert clean_but_coloured(f"\x1b[{'9' * 5000}mtext") == "text"


@given(st.text() | ESCAPES)
def test_clean_text_is_one_line_of_printable_characters_and_stays_as_it_is(dirty: str) -> None:
    plain = clean(dirty)
    assert not [
        character for character in plain if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    ]
    assert clean(plain) == plain


@given(st.text() | ESCAPES)
def test_the_only_sequences_left_in_coloured_text_select_colour(dirty: str) -> None:
    coloured = clean_but_coloured(dirty)
    for rest in coloured.split("\x1b")[1:]:
        parameters, ends, _ = rest.removeprefix("[").partition("m")
        assert rest.startswith("[")
        assert ends
        assert set(parameters) <= set("0123456789;")


def test_lines_of_a_text() -> None:
    assert clean_lines("one\x1b[2J\ntwo\r\n") == ["one", "two"]
    assert clean_lines("") == []


@pytest.mark.parametrize(
    ("instruction", "short"),
    [
        ("RUN pip install -r requirements.txt", "RUN pip install -r requirements.txt"),
        ("RUN --mount=type=cache,target=/root/.cache pip install .", "RUN pip install ."),
        (
            "RUN apt-get update \\\n    && apt-get install -y curl",
            "RUN apt-get update && apt-get install -y curl",
        ),
        (
            "RUN apt-get update && apt-get install --yes --no-install-recommends build-essential curl",
            "RUN apt-get update && apt-get install --yes …",
        ),
        ("RUN " + "x" * 100, "RUN " + "x" * 55 + "…"),
        ("RUN echo \x1b[2Jhello", "RUN echo hello"),
    ],
)
def test_instructions_fit_a_line(instruction: str, short: str) -> None:
    assert shorten(instruction) == short
    assert len(short) <= 60


@given(st.text(), st.integers(0, 80))
def test_a_short_instruction_is_never_longer_than_asked(instruction: str, limit: int) -> None:
    assert len(shorten(instruction, limit)) <= limit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        *((0.0, "0.00s"), (0.144, "0.14s"), (9.994, "9.99s"), (9.996, "10.0s"), (12.34, "12.3s")),
        *((59.94, "59.9s"), (59.96, "1m 00s"), (125.0, "2m 05s"), (3720.0, "1h 02m")),
        *((-1.0, "0.00s"), (float("nan"), "?"), (float("inf"), "?")),
    ],
)
def test_durations(value: float, words: str) -> None:
    assert seconds(value) == words


def test_durations_for_other_places() -> None:
    assert [brief_seconds(value) for value in (0.0, 0.0084, 0.072, 0.9996, 1.24)] == [
        *("0ms", "8ms", "72ms", "1.00s", "1.24s")
    ]
    assert [running_seconds(value) for value in (-1.0, 0.34, 59.9, 60.0)] == [
        "0.0s",
        "0.3s",
        "59.9s",
        "1m 00s",
    ]
    assert [whole_seconds(value) for value in (19.7, 59.6, 61.0, float("inf"))] == [
        "20s",
        "1m 00s",
        "1m 01s",
        "?",
    ]


@given(st.floats())
def test_any_number_can_be_said(value: float) -> None:
    assert seconds(value)
    assert brief_seconds(value)
    assert whole_seconds(value)
    assert running_seconds(value)


def test_paths_are_named_by_the_first() -> None:
    assert named(()) == "something"
    assert named(("app/main.py",)) == "app/main.py"
    assert named(("app/main.py", "a", "b")) == "app/main.py and 2 more"
    assert named(("new\nline.py",)) == "new line.py"
