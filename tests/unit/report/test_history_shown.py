"""How the builds look: in a terminal of any width, in a pipe, and as JSON."""

from __future__ import annotations

import io
import json
import unicodedata
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from rich.text import Text

from devbox.events import Event
from devbox.report.history.document import Build, History
from devbox.report.history.plain import plain_table, plain_timeline
from devbox.report.history.records import Past
from devbox.report.history.show import show_builds
from devbox.report.history.table import table_lines
from devbox.report.history.timeline import timeline_lines
from devbox.report.history.told import past
from devbox.report.history.usual import marked, slowest
from tests.unit.report.pasts import NOON, a_day, at, lines_of, served
from tests.unit.report.sessions import started
from tests.unit.report.strategies import SESSIONS


def _known(*sessions: list[Event], detailed: int | None = None) -> Past:
    found = past(lines_of(*sessions), detailed=detailed)
    return Past(found.project, marked(found.builds))


def _table(known: Past, width: int, colour: bool = True) -> list[Text]:
    slow = slowest(known.builds, 5)
    return table_lines(known, known.builds, slow, width=width, colour=colour, today="2026-11-27")


def _told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_table() -> None:
    first, second = a_day()
    known = _known(first[-20:], second)
    told = _told(_table(known, 100, colour=False))
    assert told[0].startswith("─ sample ─")
    assert told[0].endswith(f"─ {len(known.builds)} builds ─")
    assert told[2].split() == ["#", "when", "how", "ran", "cached", "build", "total", "cause"]
    rows = {line.split()[0]: line for line in told if line[:6].strip().isdecimal()}
    assert rows["6"].split()[:7] == ["6", "12:06", "warm", "1", "5", "42ms", "68ms"]
    assert rows["6"].endswith("app/main.py")
    assert "░" in rows["8"]
    assert "  2026-11-26" in told
    assert "  today" in told
    assert "               ▲ RUN pip install -r requirements.txt 41.2s" not in told
    assert any(line.endswith("✗ RUN pip install -r requirements.txt (exit 1)") for line in told)
    assert any(line.endswith("RUN npm ci") for line in told[-6:])


def test_a_step_far_off_its_usual_time_is_marked_below_its_build_at_any_width() -> None:
    known = _known(*a_day())
    for width in (60, 80, 200):
        told = _told(_table(known, width))
        row = next(number for number, line in enumerate(told) if line.startswith("  14  12:15"))
        assert told[row + 1].lstrip().startswith("▲ RUN pip install -r ")
        assert told[row + 1].endswith(" 41.2s, usually 6.10s")


def test_columns_keep_their_places_at_60_and_at_200() -> None:
    for width in (60, 200):
        told = _told(_table(_known(*a_day()), width))
        cause = told[2].index("cause")
        rows = [line for line in told if line[:6].strip().isdecimal() and "app/main.py"[:5] in line]
        assert rows
        assert {line.index("app/") for line in rows} == {cause}


# Whole sessions take their time to make up.
@settings(max_examples=15)
@given(sessions=st.lists(SESSIONS, max_size=3), width=st.integers(1, 200), colour=st.booleans())
def test_no_line_is_wider_than_the_terminal(sessions: list[list[Event]], width: int, colour: bool) -> None:
    known = _known(*sessions)
    for line in _table(known, width, colour):
        assert line.cell_len <= width
        assert "\x1b" not in line.plain


# Whole sessions take their time to make up.
@settings(max_examples=15)
@given(sessions=st.lists(SESSIONS, max_size=3), width=st.integers(1, 200))
def test_a_timeline_can_be_drawn_of_whatever_was_told(sessions: list[list[Event]], width: int) -> None:
    for number in range(13):
        known = _known(*sessions, detailed=number)
        build = known.newest(number)
        if build is None:
            continue
        log = build.failure.log if build.failure else ()
        for line in timeline_lines(build, known.project, log, width=width):
            assert line.no_wrap is False or line.cell_len <= width
            assert "\n" not in line.plain
            assert "\x1b" not in line.plain
        said = "".join(plain_timeline(build, log))
        assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in said)


def _line(number: int, width: int = 100) -> list[str]:
    known = _known(*a_day(), detailed=number)
    build = known.newest(number)
    assert build is not None
    log = build.failure.log if build.failure else ()
    return _told(timeline_lines(build, known.project, log, width=width))


def _bar(told: list[str], name: str) -> tuple[int, int]:
    """Where the bar of a row begins and ends."""
    line = next(line for line in told if name in line)
    return line.index("━"), line.rindex("━")


def test_the_timeline_of_a_warm_save() -> None:
    told = _line(18)
    assert told[2].endswith("12:20:01")
    assert "68ms" in told[4]
    detect, context, build, boot, flip = (
        _bar(told, f"  {name} ") for name in ("detect", "context", "build", "boot", "flip")
    )
    assert detect[1] < context[0] < build[0] < boot[0] < build[1]
    assert flip[1] == max(flip[1], boot[1])
    assert build[0] < _bar(told, "5/6 COPY app app")[0] < build[1]
    assert "        app/main.py changed" in told
    assert told[-1] == "  ● served in 68ms at http://127.0.0.1:8000"


def test_the_timeline_of_a_failed_build_tells_why() -> None:
    told = _line(15)
    assert "  ✗ failed after 2.20s: RUN pip install -r requirements.txt (exit 1)" in told
    assert "    ERROR: No matching distribution found for uvicornn" in told
    assert told[-3:] == [
        "  why: pip found no distribution called uvicornn",
        "  try: check the spelling in requirements.txt, line 2",
        "  revision 14 kept serving",
    ]


def test_the_timeline_of_what_was_cut_off_shows_what_ran_to_its_end() -> None:
    told = _line(19)
    assert _bar(told, "RUN npm ci") == _bar(told, "RUN pip install")
    assert told[-1] == "  – cut off: devbox ended before it did"


def test_in_a_pipe_there_is_one_line_a_build_and_no_drawing() -> None:
    known = _known(*a_day())
    lines = list(plain_table(known.builds, slowest(known.builds, 2)))
    assert lines[0].split() == (
        [
            "build",
            "when",
            "how",
            "ran",
            "cached",
            "detect",
            "context",
            "build",
            "stage",
            "boot",
            "flip",
            "total",
            "cause",
        ]
    )
    rows = [line for line in lines if line[:5].strip().isdecimal()]
    assert [int(line[:5]) for line in rows] == [build.number for build in known.builds]
    (row,) = (line for line in rows if line.startswith("   13"))
    assert row.split() == (
        [
            "13",
            "2026-11-27",
            "12:13:00",
            "warm",
            "1",
            "5",
            "0.008",
            "0.011",
            "0.042",
            "0.009",
            "0.041",
            "0.002",
            "0.068",
            "app/main.py",
        ]
    )
    # Every column ends where it does in the head.
    total = lines[0].index("total") + len("total")
    assert all(line[total - 1] != " " and line[total : total + 2] in ("", "  ") for line in rows)
    assert "       ! RUN pip install -r requirements.txt 41.2s, usually 6.10s" in lines
    assert "       failed: RUN pip install -r requirements.txt (exit 1)" in lines
    assert "\n".join(lines).isascii()


def test_the_plain_timeline() -> None:
    known = _known(*a_day(), detailed=14)
    build = known.newest(14)
    assert build is not None
    told = list(plain_timeline(build, ()))
    assert told[0] == "build 14: rolling, 2026-11-27 12:15:00, requirements.txt"
    assert any("41.200  step 4/6 done RUN pip install -r requirements.txt" in line for line in told)
    assert "                   ! 41.2s, usually 6.10s" in told
    assert told[-1] == "served in 41.893 s at http://127.0.0.1:8000"


def _json(known: Past, most: int) -> dict[str, Any]:
    stream = io.StringIO()
    show_builds(known, most, stream, {}, as_json=True)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def test_json_is_one_object_of_the_documented_form() -> None:
    known = _known(*a_day())
    found = _json(known, 4)
    jsonschema.validate(found, TypeAdapter(History).json_schema(mode="serialization"))
    assert (found["v"], found["project"], found["known"]) == (1, "sample", len(known.builds))
    assert [build["number"] for build in found["builds"]] == [17, 18, 14, 19]
    assert found["builds"][1]["timings"]["total"] == 0.068
    assert found["slowest"][0]["instruction"] == "RUN npm ci"
    assert TypeAdapter(Build).json_schema()["properties"]["stages"]


def test_a_history_of_one_build_needs_no_curve() -> None:
    known = _known([*at(NOON, started()), *served(1, NOON)])
    told = _told(_table(known, 80))
    assert told[0].endswith(" 1 build ─")
    assert not any("median " in line and "saves" in line for line in told)
