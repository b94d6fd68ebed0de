from __future__ import annotations

import asyncio
import io
import re
import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given

from devbox.events import AppLog, BuildLog, Event, SessionStopped
from devbox.report.ink import colours
from devbox.report.live import Live
from tests.unit.report import sessions
from tests.unit.report.ptys import XTERM
from tests.unit.report.strategies import SESSIONS
from tests.unit.report.terminals import SmallTerminal

# Everything but moving up, erasing, the cursor's visibility and the synchronised update
SELECTS_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8")


OUR_SEQUENCES = re.compile(
    r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\|\x1b\[\d*A|\x1b\[[KJ]|\x1b\[\?(?:7|25|2004|2026)[hl]|\r\n|\r"
)


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Written(io.StringIO):
    """A stream that counts its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str, /) -> int:
        self.writes += 1
        return super().write(text)


def played(events: Sequence[Event], environ: dict[str, str] | None = None) -> tuple[SmallTerminal, str]:
    stream = io.StringIO()
    terminal = SmallTerminal(80, 24)
    with Live(stream, environ or XTERM, Clock()) as live:
        for event in sessions.stamped(events):
            live(event)
            live.tick()
    terminal.write(stream.getvalue())
    return terminal, stream.getvalue()


def test_the_log_scrolls_above_the_block() -> None:
    terminal, _ = played(sessions.several_rounds())
    assert terminal.text == [
        "  1 │ INFO:     Application startup complete.",
        "  ✓ revision 1  first build  15.9s",
        *(
            line
            for number, took in (
                (2, "81ms"),
                (3, "74ms"),
                (4, "72ms"),
                (5, "131ms"),
                (6, "69ms"),
                (7, "75ms"),
            )
            for line in (
                f"{number:>3} │ INFO:     Application startup complete.",
                f"  ✓ revision {number}  app/main.py  {took}",
            )
        ),
        "─ sample ─────────────────────────────────────────────── Docker Engine 28.5.1 ─",
        "",
        "  ●  http://127.0.0.1:8000                 revision 7 serving · standby ready",
        "",
        "  ✓  app/main.py   5 of 6 steps cached                                   75ms",
        "     ✓ 1/6  FROM python:3.13-slim                                      cached",
        "     ✓ 2/6  WORKDIR /srv                                               cached",
        "     ✓ 3/6  COPY requirements.txt .                                    cached",
        "     ✓ 4/6  RUN pip install -r requirements.txt                        cached",
        "     ✓ 5/6  COPY app app                         app/main.py changed     12ms",
        '     ✓ 6/6  CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]       cached',
        "",
        "     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "     detect 8ms  context 11ms  build 65ms  stage 9ms  boot 37ms  flip 2ms",
        "",
        "     ▅▅▅█▅▅   131ms  69ms  75ms   median 74ms of 6 saves",
        "",
    ]
    assert terminal.cursor_shown


@pytest.mark.parametrize("name", sessions.STATES)
def test_every_session_leaves_one_block_and_every_log_line_once(name: str) -> None:
    events = sessions.STATES[name]()
    news = [AppLog(revision=7, stream="stdout", line=f"line {number:03}") for number in range(40)]
    terminal, _ = played([event for pair in zip(events, news, strict=False) for event in pair])
    assert [line for line in terminal.text if " │ line" in line] == [
        f"  7 │ line {number:03}" for number in range(min(len(events), 40))
    ]
    assert sum(line.startswith("─ ") for line in terminal.text) == 1


def test_no_colour_means_no_colour() -> None:
    for name in ("first_build", "dependency_build", "build_failed", "engine_lost", "stopped"):
        _, written = played(sessions.STATES[name](), {**XTERM, "NO_COLOR": "1"})
        assert not SELECTS_COLOUR.search(written), name
    assert SELECTS_COLOUR.search(played(sessions.several_rounds())[1])


@pytest.mark.parametrize(
    ("environ", "system"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "linux"}, "standard"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
        ({"COLORTERM": "truecolor", "NO_COLOR": "1"}, None),
    ],
)
def test_colours_of_a_terminal(environ: dict[str, str], system: str | None) -> None:
    assert colours(environ) == system


def test_at_rest_nothing_is_written() -> None:
    stream = Written()
    live = Live(stream, XTERM, Clock())
    for event in sessions.stamped(sessions.several_rounds()):
        live(event)
    live.tick()
    before = stream.writes
    for _ in range(50):
        live.tick()
    assert stream.writes == before


def test_a_round_is_drawn_once_and_its_log_comes_along() -> None:
    stream = Written()
    live = Live(stream, XTERM, Clock())
    for event in sessions.stamped(sessions.several_rounds()):
        live(event)
    before = stream.writes
    for event in sessions.quick_round(8):
        live(event)
    assert stream.writes == before + 1


def test_running_clocks_move_on_the_monotonic_clock() -> None:
    stream = io.StringIO()
    clock = Clock()
    live = Live(stream, XTERM, clock)
    for event in sessions.stamped(sessions.dependency_build()):
        live(event)
    for seconds in (1.0, 12.5):
        clock.now = 50.0 + seconds
        live.tick()
    terminal = SmallTerminal(80, 24)
    terminal.write(stream.getvalue())
    assert re.search(r"4/6  RUN pip install -r requirements.txt .* 12.5s", "\n".join(terminal.text))


def test_of_a_flood_the_newest_lines_are_shown_and_the_others_counted() -> None:
    stream = Written()
    clock = Clock()
    live = Live(stream, XTERM, clock)
    shown, written = [], ""
    for second in range(4):
        before = len(stream.getvalue())
        live.message(f"second {second}")
        for number in range(20_000):
            live(AppLog(revision=1, stream="stdout", line=f"line {second}.{number}"))
        clock.now += 1.0
        live.tick()
        written = stream.getvalue()[before:]
        assert f"line {second}.19999" in written
        shown.append(written.count("line "))
    assert shown == [5000, 1000, 1000, 1000]
    assert "19,000 lines left out" in written


def test_a_record_of_devbox_is_never_left_out() -> None:
    stream = Written()
    live = Live(stream, XTERM, Clock())
    for event in sessions.stamped(sessions.superseded()):
        live(event)
    live(sessions.superseded()[-1])
    for number in range(30_000):
        live(AppLog(revision=1, stream="stdout", line=f"line {number}"))
    live.tick()
    assert stream.getvalue().count("build 8 superseded") == 2


def test_build_output_waits_for_a_tick() -> None:
    stream = Written()
    live = Live(stream, XTERM, Clock())
    live(BuildLog(build=1, step="x", line="y"))
    assert stream.writes == 0


def test_messages_are_shown_until_the_end() -> None:
    stream = io.StringIO()
    with Live(stream, XTERM, Clock()) as live:
        live(sessions.started())
        live.message("stopping … (Ctrl-C again to leave at once)")
        terminal = SmallTerminal(80, 24)
        terminal.write(stream.getvalue())
        assert any("stopping … (Ctrl-C again" in line for line in terminal.text)
        live(SessionStopped(reason="Ctrl-C"))
    terminal = SmallTerminal(80, 24)
    terminal.write(stream.getvalue())
    assert [line for line in terminal.text if line] == [
        "─ sample ─────────────────────────────────────────────── Docker Engine 28.5.1 ─",
        "  stopped  Ctrl-C",
    ]


def test_a_last_word_stays_below_the_screen() -> None:
    stream = io.StringIO()
    with Live(stream, XTERM, Clock()) as live:
        for event in sessions.stamped(sessions.several_rounds()):
            live(event)
        live.message("stopping …")
        live.last_word("left; it \x1b[2Jgoes on")
        live.tick()
    terminal = SmallTerminal(80, 24)
    terminal.write(stream.getvalue())
    assert terminal.text[-3:] == [
        "     ▅▅▅█▅▅   131ms  69ms  75ms   median 74ms of 6 saves",
        "devbox: left; it goes on",
        "",
    ]


def test_what_an_application_writes_cannot_take_the_screen_over() -> None:
    evil = "\x1b[2J\x1b[H\x1b[?1049h\x1b]0;owned\x07\x9b2Jdone"
    terminal, written = played([*sessions.several_rounds(), AppLog(revision=7, stream="stdout", line=evil)])
    assert "  7 │ done" in terminal.text
    assert "\x1b[2J" not in written


@given(SESSIONS)
def test_no_event_brings_a_sequence_of_its_own(events: list[Event]) -> None:
    stream = io.StringIO()
    with Live(stream, XTERM, Clock()) as live:
        for event in events:
            live(event)
            live.tick()
        live.message("stopping …")
    rest = OUR_SEQUENCES.sub("", stream.getvalue())
    assert not [character for character in rest if unicodedata.category(character) == "Cc"]


async def shortly(condition: Callable[[], bool]) -> None:
    """Waits for a condition, 20 seconds at most."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come")


async def test_at_rest_it_ticks_once_a_second_and_something_new_wakes_it() -> None:
    stream = Written()
    with Live(stream, XTERM) as live:
        assert live.pace == 1.0
        for event in sessions.stamped(sessions.several_rounds()):
            live(event)
        live.tick()
        rest = stream.writes
        await asyncio.sleep(0.25)
        assert stream.writes == rest
        live(AppLog(revision=7, stream="stdout", line="news"))
        assert stream.writes == rest
        await shortly(lambda: "news" in stream.getvalue())


async def test_on_an_event_loop_clocks_move_by_themselves() -> None:
    stream = Written()
    with Live(stream, XTERM) as live:
        for event in sessions.stamped(sessions.dependency_build()):
            live(event)
        drawn = stream.writes
        await shortly(lambda: stream.writes >= drawn + 3)


async def test_a_question_that_nobody_can_answer_is_answered_at_once() -> None:
    with Live(Written(), XTERM) as live:
        assert await live.ask("stop it?", {"s": "stop"}) == ""
