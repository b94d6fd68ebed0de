from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.style import Style

from devbox.events import (
    AppLog,
    BuildFailed,
    BuildStep,
    Event,
    Failure,
    ReleaseFailed,
    ReleaseServed,
    TimingsInfo,
)
from devbox.model import StepState
from devbox.report.record import record
from devbox.report.state import reduce
from devbox.report.view import moves, render, screen_lines
from devbox.report.viewstate import ViewState
from tests.unit.report import sessions
from tests.unit.report.sessions import STATES, URL, now_after, state_after
from tests.unit.report.strategies import SESSIONS

WIDTHS = (20, 60, 80, 120, 200)
HEIGHTS = (1, 2, 5, 8, 12, 16, 24, 50)
# C0 and C1 controls, and what reorders or ends a line
UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(events: Sequence[Event], width: int = 80, height: int = 40, later: float = 3.4) -> list[str]:
    """The screen's lines as plain text."""
    now = now_after(events, later) if events else 1.0
    lines = screen_lines(state_after(events), width, height, now, colour=True)
    return [line.plain.rstrip() for line in lines]


def text(events: Sequence[Event], width: int = 80, height: int = 40, later: float = 3.4) -> str:
    return "\n".join(shown(events, width, height, later))


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_too_wide_and_no_screen_too_high(name: str, width: int) -> None:
    events = STATES[name]()
    state, now = state_after(events), now_after(events, 3.4) if events else 1.0
    for height in HEIGHTS:
        lines = screen_lines(state, width, height, now, colour=False)
        for drawn in (lines, screen_lines(state, width, height, now, colour=True)):
            assert 1 <= len(drawn) <= max(height - 1, 1)
            assert max(line.cell_len for line in drawn) <= width
        console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
        with console.capture() as captured:
            console.print(render(state, width, height, now, colour=False))
        printed = captured.get()
        assert "\x1b" not in printed
        assert [line.rstrip() for line in printed.splitlines()] == [line.plain.rstrip() for line in lines]


@given(SESSIONS, st.integers(1, 220), st.integers(1, 60), st.floats(0, 20_000), st.booleans())
def test_any_session_can_be_shown_at_any_size(
    events: list[Event], width: int, height: int, now: float, colour: bool
) -> None:
    state = ViewState()
    for event in events:
        state = reduce(state, event)
        line = record(event, state)
        assert line is None or not UNWANTED.search(line.plain.replace("\t", ""))
    lines = screen_lines(state, width, height, now, colour)
    assert 1 <= len(lines) <= max(height - 1, 1)
    for line in lines:
        assert line.cell_len <= width
        assert not UNWANTED.search(line.plain)
    assert isinstance(moves(state), bool)


def test_a_serving_project_at_rest() -> None:
    assert shown(sessions.several_rounds()) == [
        "─ sample ──────────────────────────────────────────────── Docker Engine 28.5.1 ─",
        "",
        "  ●  http://127.0.0.1:8000                  revision 7 serving · standby ready",
        "",
        "  ✓  app/main.py   5 of 6 steps cached                                    75ms",
        "     ✓ 1/6  FROM python:3.13-slim                                       cached",
        "     ✓ 2/6  WORKDIR /srv                                                cached",
        "     ✓ 3/6  COPY requirements.txt .                                     cached",
        "     ✓ 4/6  RUN pip install -r requirements.txt                         cached",
        "     ✓ 5/6  COPY app app                          app/main.py changed     12ms",
        '     ✓ 6/6  CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]        cached',
        "",
        "     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "     detect 8ms   context 11ms   build 65ms   stage 9ms   boot 37ms   flip 2ms",
        "",
        "     ▅▅▅█▅▅   131ms  69ms  75ms   median 74ms of 6 saves",
    ]


def test_a_running_build() -> None:
    assert shown(sessions.dependency_build())[2:] == [
        "  ●  http://127.0.0.1:8000                  revision 7 serving · standby ready",
        "",
        "  ⠇  build 8  requirements.txt                                            3.5s",
        "     ✓ 1/6  FROM python:3.13-slim                                       cached",
        "     ✓ 2/6  WORKDIR /srv                                                cached",
        "     ✓ 3/6  COPY requirements.txt .          requirements.txt changed     20ms",
        "     ⠇ 4/6  RUN pip install -r requirements.txt      follows step 3/6     3.4s",
        "     · 5/6  COPY app app                             follows step 3/6",
        '     · 6/6  CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]',
        "",
        "     Downloading fastapi-0.115.0-py3-none-any.whl (94 kB)",
        "",
        "",
        "     ▅▅▅█▅▅   131ms  69ms  75ms   median 74ms of 6 saves",
    ]


def test_on_a_low_terminal_the_running_step_and_the_last_ones_are_left() -> None:
    assert shown(sessions.dependency_build(), height=7) == [
        "─ sample ──────────────────────────────────────────────── Docker Engine 28.5.1 ─",
        "  ●  http://127.0.0.1:8000                  revision 7 serving · standby ready",
        "  ⠇  build 8  requirements.txt                                            3.5s",
        "     2 cached · 2 to go",
        "     ✓ 3/6  COPY requirements.txt .          requirements.txt changed     20ms",
        "     ⠇ 4/6  RUN pip install -r requirements.txt      follows step 3/6     3.4s",
    ]


def test_a_failed_build() -> None:
    assert shown(sessions.build_failed())[2:] == [
        "  ●  http://127.0.0.1:8000            revision 7 still serving · standby ready",
        "",
        "╭─ ✗ build 8 failed ───────────────────────────────────────────────────────────╮",
        "│ RUN pip install -r requirements.txt                                   exit 1 │",
        "│                                                                              │",
        "│ Collecting fastapi==0.115                                                    │",
        "│   Downloading fastapi-0.115.0-py3-none-any.whl (94 kB)                       │",
        "│ Collecting uvicornn                                                          │",
        "│ ERROR: Could not find a version that satisfies the requirement uvicornn      │",
        "│ ERROR: No matching distribution found for uvicornn                           │",
        "│                                                                              │",
        "│ why  pip found no distribution called uvicornn                               │",
        "│ try  check the spelling in requirements.txt, line 2                          │",
        "│                                                                              │",
        "│ revision 7 keeps serving  http://127.0.0.1:8000                              │",
        "╰──────────────────────────────────────────────────────────────────────────────╯",
        "",
        "     ✓ 1/6  FROM python:3.13-slim                                       cached",
        "     ✓ 2/6  WORKDIR /srv                                                cached",
        "     ✓ 3/6  COPY requirements.txt .          requirements.txt changed     20ms",
        "     ✗ 4/6  RUN pip install -r requirements.txt      follows step 3/6    2.10s",
        "     · 5/6  COPY app app                             follows step 3/6",
        '     · 6/6  CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]',
    ]


def test_a_failure_comes_before_the_steps_of_its_build() -> None:
    low = text(sessions.start_failed(), height=24)
    assert "ImportError: cannot import name" in low
    assert "1/6" not in low


def test_a_folded_line_of_a_log_begins_with_its_beginning() -> None:
    log = ("x" * 90 + " END", "ValueError: no")
    failed = BuildFailed(build=8, step="RUN x", seconds=1.0, failure=Failure(what="x", log=log), serving=7)
    assert "END" in text([*sessions.several_rounds(), failed], height=24)
    low = text([*sessions.several_rounds(), failed], height=10)
    assert "ValueError: no" in low
    assert "END" not in low


def test_frames_of_the_import_system_are_left_out_of_a_panel() -> None:
    log = ('  File "<frozen importlib._bootstrap>", line 488, in _call', '  File "/srv/app/main.py", line 7')
    failure = Failure(what="exited with status 1", log=log)
    screen = text([*sessions.several_rounds(), ReleaseFailed(revision=8, failure=failure, serving=7)])
    assert "frozen" not in screen
    assert "/srv/app/main.py" in screen


@pytest.mark.parametrize("height", [5, 8, 12, 24])
@pytest.mark.parametrize("name", ["build_failed", "start_failed", "app_exited", "fixing", "everything_wrong"])
def test_a_failure_is_seen_at_any_height(name: str, height: int) -> None:
    assert "✗ " in text(STATES[name](), height=height)


def test_a_failure_keeps_its_place_while_its_repair_is_built() -> None:
    screen = text(sessions.fixing())
    assert screen.index("✗ build 8 failed") < screen.index("build 9  requirements.txt")
    assert "4/6  RUN pip install -r requirements.txt" in screen


def test_the_end_of_a_long_log_is_what_is_left_of_it() -> None:
    log = tuple(f"line {number}" for number in range(40))
    failed = BuildFailed(build=8, step="RUN x", seconds=1.0, failure=Failure(what="x", log=log), serving=7)
    screen = text([*sessions.several_rounds(), failed])
    assert [number for number in range(40) if f"line {number} " in screen] == list(range(20, 40))


def place(line: str) -> str:
    """What of a line shows where it stands while a round goes on: its clock and its mark change."""
    going_on = re.match(r"  [⠀-⣿]  ", line)
    step = re.match(r"     . (\d/6  .{10})", line)
    return "going on" if going_on else step[1] if step else line


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("rest", ["several_rounds", "start_failed"])
def test_a_short_build_changes_marks_and_moves_nothing(rest: str, height: int) -> None:
    events, news = STATES[rest](), sessions.quick_round(9)
    building = [
        shown([*events, *news[:count]], height=height, later=0.0) for count in range(2, len(news) - 1)
    ]
    places = {tuple(map(place, screen)) for screen in building}
    assert len(places) == 1
    if rest == "several_rounds":
        assert building[0][5:] == shown(events, height=height)[5:]


def test_marks_change_in_place() -> None:
    events = sessions.several_rounds()
    marks = []
    for count in (2, 8, 12, 15):
        screen = shown([*events, *sessions.quick_round(8)[:count]], later=0.0)
        assert [line[7:10] for line in screen[5:11]] == [f"{number}/6" for number in range(1, 7)]
        marks.append("".join(line[5] for line in screen[5:11]))
    assert marks == ["✓✓✓✓✓✓", "······", "✓✓✓✓··", "✓✓✓✓✓✓"]


def test_a_build_that_lasts_unfolds() -> None:
    building = [*sessions.several_rounds(), *sessions.quick_round(8)[:12]]
    assert "CMD" not in text(building, height=16, later=0.1)
    assert "CMD" in text(building, height=16, later=0.6)


def test_the_last_build_stays_to_be_seen_while_its_revision_starts_and_serves() -> None:
    events = [*sessions.several_rounds(), *sessions.quick_round(8)]
    for count in (-1, len(events)):
        screen = text(events[:count], later=2.0)
        assert re.search(r"✓ 5/6  COPY app app +app/main.py changed +12ms", screen)
        assert re.search(r"✓ 4/6  RUN pip install -r requirements.txt +cached", screen)


def test_on_a_lower_terminal_only_the_steps_that_ran_are_left_of_the_last_build() -> None:
    assert [line for line in shown(sessions.several_rounds(), height=16) if "/6" in line] == [
        "     ✓ 5/6  COPY app app                          app/main.py changed     12ms"
    ]
    lowest = text(sessions.several_rounds(), height=7)
    assert "/6" not in lowest
    assert "5 of 6 steps cached" in lowest
    # too many of them for a sixth of the screen
    assert "/6" not in text(sessions.first_served(), height=16)


def test_a_reason_that_the_cause_has_told_already_is_not_repeated() -> None:
    running = sessions.step(1, StepState.RUNNING, reason="first build")
    screen = text([*sessions.first_build(), BuildStep(build=1, step=running)])
    assert screen.count("first build") == 1


def test_before_the_first_revision_it_is_seen_what_goes_on() -> None:
    screen = text(sessions.first_build())
    assert "not serving yet" in screen
    assert re.search(r"pull python:3.13-slim  ━+─+  12.3 MB of 45.6 MB +3.4s", screen)


def test_what_else_is_said() -> None:
    assert "app/main.py touched, nothing changed" in text(sessions.ignored())
    assert shown(sessions.adopted())[4] == "  ✓  was already running, taken over"
    assert "revision 6  starting   rolling · rollback asked for" in text(sessions.starting())
    assert "revision 7 exited" in text(sessions.app_exited())
    assert "status 137, out of memory" in text(sessions.app_exited())
    assert re.search(r"Docker does not answer +12s", text(sessions.engine_lost(), later=12.0))
    assert "watching: the limit of inotify watches is reached" in text(sessions.everything_wrong())


def test_the_last_words() -> None:
    assert shown(sessions.stopped())[1:] == ["  stopped  Ctrl-C", "  http://127.0.0.1:8000  keeps serving"]
    screen = text(sessions.stopped_in_trouble())
    assert "✗ build 8 failed" in screen
    assert "keeps serving" not in screen


def test_only_what_moves_is_drawn_again() -> None:
    moving = {name for name, events in STATES.items() if moves(state_after(events()))}
    assert moving == {
        *("nothing", "first_build", "first_steps", "dependency_build", "fixing", "everything_wrong"),
        *("engine_lost", "starting"),
    }


def test_without_colour_shades_tell_the_phases_apart() -> None:
    events = sessions.several_rounds()
    lines = screen_lines(state_after(events), 80, 40, now_after(events), colour=False)
    assert {"░", "▒", "█", "▚", "▓", "▞"} == set(lines[12].plain.strip())
    assert "█ build 65ms" in lines[13].plain


def test_a_phase_of_no_time_is_not_drawn() -> None:
    served = ReleaseServed(
        revision=8, image="i", strategy="rolling", url=sessions.URL, timings=TimingsInfo(boot=0.4, total=0.4)
    )
    screen = text([*sessions.several_rounds(), served])
    assert "boot 400ms" in screen
    assert "build" not in screen


def test_the_address_is_a_link() -> None:
    events = sessions.several_rounds()
    line = screen_lines(state_after(events), 80, 40, now_after(events), colour=True)[2]
    links = [span.style.link for span in line.spans if isinstance(span.style, Style)]
    assert [each for each in links if each] == [URL]


def recorded(events: Sequence[Event]) -> list[str]:
    state = ViewState()
    lines = []
    for event in sessions.stamped(events):
        state = reduce(state, event)
        line = record(event, state)
        if line is not None:
            lines.append(line.plain)
    return lines


def test_what_stays_in_the_scrollback() -> None:
    assert recorded(sessions.several_rounds())[-2:] == [
        "  7 │ INFO:     Application startup complete.",
        "  ✓ revision 7  app/main.py  75ms",
    ]
    assert recorded(sessions.build_failed())[-1] == "  ✗ build 8 failed  RUN pip install -r requirements.txt"
    assert recorded(sessions.start_failed())[-1] == "  ✗ revision 8 failed to start  exited with status 1"
    assert recorded(sessions.app_exited())[-1] == "  ✗ revision 7 was killed: out of memory"
    assert recorded(sessions.adopted()) == ["  ✓ revision 3  was already running"]
    assert recorded(sessions.superseded())[-1] == "  · build 8 superseded  app/main.py changed again"
    assert recorded(sessions.engine_back())[-2:] == [
        "  ! engine lost  Docker does not answer",
        "  ✓ engine back  after 12.3s",
    ]


def test_a_log_line_keeps_its_colours_and_nothing_else() -> None:
    dirty = "\x1b[31m[red]no markup\x1b[0m\x1b[2J\x1b]0;title\x07 end"
    line = record(AppLog(revision=7, stream="stdout", line=dirty), ViewState())
    assert line is not None
    assert line.plain == "  7 │ [red]no markup end"
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80)
    with console.capture() as captured:
        console.print(line)
    assert captured.get() == "\x1b[2m  7 │ \x1b[0m\x1b[31m[red]no markup\x1b[0m end\n"


@pytest.mark.parametrize("width", [70, 100, 160, 300])
def test_a_reason_that_is_the_message_is_shown_whole(width: int) -> None:
    what = f"cannot pull registry.example.com/{'team/' * 12}python:3.13-slim and nobody knows the end"
    failed = BuildFailed(build=2, seconds=1.0, failure=Failure(what=what), serving=1)
    inner = [line.strip("│ ") for line in shown([*sessions.first_served(), failed], width) if "│" in line]
    assert what.replace(" ", "") in "".join(inner).replace(" ", "")
