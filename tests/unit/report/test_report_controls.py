"""The parts of the screen that keys and a person's wishes bring."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.events import (
    Event,
    ReleaseFailed,
    ReleaseServed,
    ReleaseStarted,
    StandbyChanged,
    TimingsInfo,
    WatchPaused,
    WatchResumed,
)
from devbox.report.controls import NO_CONTROLS, Controls, Log, Prompt
from devbox.report.record import record
from devbox.report.view import screen_lines
from tests.unit.report import sessions
from tests.unit.report.sessions import STATES, URL, now_after, state_after
from tests.unit.report.strategies import SESSIONS, WORDS

KEYS = Controls(keys=True)
QUESTION = Controls(keys=True, prompt=Prompt("the application is running", {"d": "detach", "s": "stop"}))


def text(events: list[Event], controls: Controls = NO_CONTROLS, width: int = 80, height: int = 40) -> str:
    lines = screen_lines(
        state_after(events), width, height, now_after(events, 3.4) if events else 1.0, True, controls
    )
    return "\n".join(line.plain.rstrip() for line in lines)


def served(strategy: str, revision: int) -> Event:
    timings = TimingsInfo(boot=0.4, total=0.4)
    return ReleaseServed(revision=revision, image="i", strategy=strategy, url=URL, timings=timings)


@given(
    SESSIONS,
    st.builds(
        Controls,
        keys=st.booleans(),
        help=st.booleans(),
        log=st.sampled_from(Log),
        prompt=st.none() | st.builds(Prompt, WORDS, st.dictionaries(st.sampled_from("ds"), WORDS)),
        said=st.sampled_from(["", "rebuild asked for"]),
    ),
    st.integers(1, 220),
    st.integers(1, 60),
)
def test_every_part_fits_into_any_terminal(
    events: list[Event], controls: Controls, width: int, height: int
) -> None:
    lines = screen_lines(state_after(events), width, height, 1.0, True, controls)
    assert 1 <= len(lines) <= max(height - 1, 1)
    assert max(line.cell_len for line in lines) <= width


def test_the_keys_stand_below_and_the_least_needed_give_way() -> None:
    assert text(sessions.several_rounds(), KEYS).splitlines()[-1] == (
        "  r rebuild    b roll back    p pause    l log: on    o open    q quit    ? keys"
    )
    assert text(sessions.several_rounds(), KEYS, width=60).splitlines()[-1] == (
        "  r rebuild  b roll back  p pause  l log: on  q quit  ? keys"
    )
    assert text(sessions.several_rounds(), KEYS, width=30).splitlines()[-1] == "  p pause    q quit    ? keys"
    assert "quit" not in text(sessions.several_rounds())


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("size", [(40, 5), (80, 5), (60, 12), (200, 50)])
def test_a_question_is_seen_in_any_terminal(name: str, size: tuple[int, int]) -> None:
    screen = text(STATES[name](), QUESTION, *size)
    if not name.startswith("stopped"):
        assert "the application is running" in screen
        assert re.search(r"d detach · s stop · Esc back$", screen)


@pytest.mark.parametrize("height", [12, 24, 40])
@pytest.mark.parametrize("name", ["build_failed", "start_failed", "app_exited"])
def test_help_leaves_a_failure_to_be_seen(name: str, height: int) -> None:
    screen = text(STATES[name](), Controls(keys=True, help=True), height=height)
    assert "╭─ keys" in screen
    assert "✗ " in screen


def test_with_more_log_only_what_goes_on_is_left() -> None:
    lines = text(sessions.several_rounds(), Controls(keys=True, log=Log.MORE)).splitlines()
    assert [line for line in lines if line][1:] == [
        "  ●  http://127.0.0.1:8000                  revision 7 serving · standby ready",
        "  ✓  app/main.py   5 of 6 steps cached                                    75ms",
        "  r rebuild   b roll back   p pause   l log: more   o open   q quit   ? keys",
    ]


def test_a_standby_is_ready_until_its_revision_is_another_one_or_it_was_taken() -> None:
    ready = sessions.several_rounds()
    assert "standby ready" in text(ready)
    assert "no standby" in text([*ready, served("warm", 8)])
    assert "standby ready" in text([*ready, served("restart", 7)])
    taken = [*ready, ReleaseStarted(revision=8, strategy="warm")]
    assert "standby ready" in text(taken)
    failed = ReleaseFailed(revision=8, failure=sessions.START_FAILURE, serving=7)
    assert "no standby" in text([*taken, failed])
    refused = StandbyChanged(revision=7, ready=False, reason="the application is no Python program")
    assert "no standby: the application is no Python program" in text([*ready, refused])


def test_in_a_narrow_terminal_the_standing_takes_a_line_of_its_own() -> None:
    assert text(sessions.several_rounds(), width=50).splitlines()[2:4] == [
        "  ●  http://127.0.0.1:8000",
        "     revision 7 serving · standby ready",
    ]
    assert "standby" not in text(sessions.several_rounds(), width=50, height=8)


def test_a_pause_is_seen_until_it_is_over() -> None:
    paused = [*sessions.several_rounds(), WatchPaused()]
    assert "revision 7 serving · paused · standby ready" in text(paused)
    assert "paused: saves wait   p builds them" in text(paused, KEYS)
    assert "p watch" in text(paused, KEYS)
    assert "paused" in text(paused, height=5)
    assert "paused" not in text([*paused, WatchResumed()])


@pytest.mark.parametrize("strategy", ["rollback", "restart"])
def test_a_revision_that_serves_again_is_no_save(strategy: str) -> None:
    events = [*sessions.several_rounds(), served(strategy, 5)]
    screen = text(events)
    assert re.search(rf"✓  revision 5 serving again \({strategy}\) +400ms", screen)
    assert "of 6 saves" in screen
    line = record(events[-1], state_after(events))
    assert line is not None
    assert line.plain == f"  ✓ revision 5  serving again ({strategy})  400ms"
