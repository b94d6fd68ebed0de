from __future__ import annotations

import pytest

from devbox.events import (
    AppExited,
    BuildFailed,
    BuildLog,
    BuildStarted,
    BuildStep,
    ChangeIgnored,
    EngineLost,
    Event,
    ReleaseServed,
    ReleaseStarted,
    StepInfo,
    TimingsInfo,
)
from devbox.model import StepState
from devbox.report.progress import part_of
from tests.unit.report import sessions
from tests.unit.report.sessions import state_after


def test_a_first_build_before_anything_serves() -> None:
    state = state_after(sessions.first_steps())
    assert (state.project, state.urls, state.serving) == ("sample", (sessions.URL,), 0)
    assert state.build is not None
    assert [step.info.state for step in state.build.steps] == [
        *([StepState.DONE] * 3),
        StepState.RUNNING,
        *([StepState.WAITING] * 2),
    ]
    assert state.build.pull is None
    assert state.build.output[1].startswith("Downloading")


def test_only_a_running_step_has_a_moving_clock() -> None:
    events = sessions.first_steps()
    state = state_after(events)
    assert state.build is not None
    done, running = state.build.steps[0], state.build.steps[3]
    later = sessions.now_after(events, 5.0)
    assert done.seconds(later) == 2.4
    assert running.seconds(later) == pytest.approx(5.01)
    assert running.seconds(0.0) == 0.0


def test_the_pull_of_a_base_image() -> None:
    build = state_after(sessions.first_build()).build
    assert build is not None
    assert build.pull is not None
    assert build.pull.part == pytest.approx(12.3 / 45.6)
    assert build.pull.at == pytest.approx(sessions.now_after(sessions.first_build()[:4]))


def test_a_served_revision_ends_build_and_release_and_joins_the_history() -> None:
    state = state_after(sessions.several_rounds())
    assert (state.build, state.release, state.trouble) == (None, None, None)
    assert state.serving == 7
    assert state.served is not None
    assert (state.served.cause, state.served.cached, state.served.steps) == ("app/main.py", 5, 6)
    assert state.history == (0.081, 0.074, 0.072, 0.131, 0.069, 0.075)


def test_the_first_revision_and_an_adopted_one_are_no_rounds() -> None:
    assert state_after(sessions.first_served()).history == ()
    assert state_after(sessions.adopted()).history == ()


@pytest.mark.parametrize(("failed", "serving"), [(sessions.build_failed(), 7), (sessions.start_failed(), 7)])
def test_a_failure_stays_until_a_revision_serves(failed: list[Event], serving: int) -> None:
    state = state_after(failed)
    assert state.trouble is not None
    assert (state.trouble.number, state.trouble.serving, state.serving) == (8, serving, serving)
    assert (state.build, state.release) == (None, None)
    for meanwhile in (
        ChangeIgnored(reason="nothing changed", paths=("a",)),
        BuildStarted(build=9, cause="a"),
        ReleaseStarted(revision=9, strategy="rolling"),
    ):
        assert state_after([*failed, meanwhile]).trouble == state.trouble
    assert state_after([*failed, *sessions.quick_round(9)]).trouble is None


def test_going_back_to_what_serves_heals_a_failure_but_not_an_exit() -> None:
    back = ChangeIgnored(reason="back to what revision 7 serves", paths=("app/main.py",))
    assert state_after([*sessions.build_failed(), back]).trouble is None
    assert state_after([*sessions.app_exited(), back]).trouble is not None


@pytest.mark.parametrize(
    ("event", "building"),
    [
        (EngineLost(failure=sessions.ENGINE_FAILURE), False),
        (BuildStarted(build=9, cause="app/main.py"), True),
        (ChangeIgnored(reason="back to what revision 7 serves", paths=("app/main.py",)), False),
    ],
)
@pytest.mark.parametrize("rest", ["starting", "dependency_build"])
def test_what_was_under_way_ends_with_the_engine_a_newer_build_or_a_way_back(
    rest: str, event: Event, building: bool
) -> None:
    state = state_after([*sessions.STATES[rest](), event])
    assert state.release is None
    assert (state.build is not None) is building


def test_a_touched_file_ends_nothing() -> None:
    touched = ChangeIgnored(reason="nothing changed", paths=("app/main.py",))
    assert state_after([*sessions.starting(), touched]).release is not None
    assert state_after([*sessions.dependency_build(), touched]).build is not None


def test_the_last_build_is_remembered_with_its_steps() -> None:
    served = state_after(sessions.several_rounds()).last
    assert served is not None
    assert (served.number, len(served.steps)) == (7, 6)
    assert state_after(sessions.dependency_build()).last == served
    assert state_after(sessions.superseded()).last == served
    failed = state_after(sessions.build_failed()).last
    assert failed is not None
    assert (failed.number, failed.steps[3].info.state) == (8, StepState.FAILED)


def test_nothing_of_a_build_that_ended_runs_any_more() -> None:
    failed = BuildFailed(build=8, step="x", seconds=1.0, failure=sessions.PIP_FAILURE, serving=7)
    last = state_after([*sessions.dependency_build(), failed]).last
    assert last is not None
    assert last.steps[3].info.state is StepState.CANCELLED
    assert last.output == ("", "")


def test_a_build_that_never_started_leaves_the_last_one_as_it_was() -> None:
    unreadable = BuildFailed(build=8, seconds=0.0, failure=sessions.PIP_FAILURE, serving=7)
    before = state_after(sessions.several_rounds())
    assert state_after([*sessions.several_rounds(), unreadable]).last == before.last


def test_an_exit_leaves_nothing_serving() -> None:
    state = state_after([*sessions.several_rounds(), AppExited(revision=7, exit_status=3)])
    assert state.serving == 0
    assert state.trouble is not None
    assert state.trouble.failure.what == "status 3"


def test_a_superseded_build_is_gone_and_the_old_revision_serves() -> None:
    state = state_after(sessions.superseded())
    assert (state.build, state.release, state.trouble, state.serving) == (None, None, None, 7)


def test_events_of_another_build_do_not_touch_the_running_one() -> None:
    events = sessions.dependency_build()
    stray = BuildStep(build=7, step=sessions.step(1, StepState.FAILED))
    log = BuildLog(build=7, step="x", line="y")
    assert state_after([*events, stray, log]) == state_after(events)


def test_a_served_revision_does_not_end_the_build_of_a_newer_one() -> None:
    served = ReleaseServed(
        revision=7, image="i", strategy="rolling", url=sessions.URL, timings=TimingsInfo(total=0.1)
    )
    state = state_after([*sessions.dependency_build(), served])
    assert state.build is not None
    assert state.build.number == 8


def test_an_engine_that_is_lost_twice_is_lost_since_the_first_time() -> None:
    once = sessions.engine_lost()
    twice = state_after([*once, EngineLost(failure=sessions.ENGINE_FAILURE)])
    assert twice.gone == state_after(once).gone
    assert state_after(sessions.engine_back()).gone is None


def test_steps_stand_in_the_order_of_their_stages_and_numbers() -> None:
    def seen(stage: str, index: int) -> Event:
        state = StepState.WAITING
        info = StepInfo(index=index, total=2, instruction=f"RUN {index}", state=state, stage=stage)
        return BuildStep(build=1, step=info)

    order = [("builder", 2), ("final", 1), ("builder", 1), ("final", 2)]
    build = state_after([BuildStarted(build=1, cause="x"), *(seen(*each) for each in order)]).build
    assert build is not None
    assert [(step.info.stage, step.info.index) for step in build.steps] == [
        *(("builder", 1), ("builder", 2), ("final", 1), ("final", 2))
    ]


def test_an_instruction_that_occurs_twice_is_two_steps() -> None:
    def seen(index: int, state: StepState) -> Event:
        return BuildStep(build=1, step=StepInfo(index=index, total=2, instruction="RUN make", state=state))

    events = [BuildStarted(build=1, cause="x"), seen(1, StepState.WAITING), seen(2, StepState.WAITING)]
    build = state_after([*events, seen(1, StepState.DONE)]).build
    assert build is not None
    assert [step.info.state for step in build.steps] == [StepState.DONE, StepState.WAITING]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("12.3 MB of 45.6 MB", 12.3 / 45.6),
        ("sha256:1f2 12.5MB / 25MB 1.2s", 0.5),
        ("500kB/1MB", 0.5),
        ("1/4", 0.25),
        ("512 B of 1.024 kB", 0.5),
        ("27%", 0.27),
        ("Downloading 30 %", 0.3),
        ("50 MB of 20 MB", 1.0),
        ("extracting", None),
        ("1 MB of 0 B", None),
        ("", None),
        ("9" * 400 + "/" + "9" * 400, None),
    ],
)
def test_how_far_a_transfer_is(line: str, part: float | None) -> None:
    assert part_of(line) == (None if part is None else pytest.approx(part))
