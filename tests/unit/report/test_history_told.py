"""Out of the lines of a journal: which builds there were, and what became of them."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.events import BuildStarted, Event, SessionStopped
from devbox.model import StepState
from devbox.report.history.records import BuildRecord
from devbox.report.history.stages import end_of, spans
from devbox.report.history.told import past
from devbox.report.journal_reader import Line
from tests.unit.report.pasts import (
    NOON,
    a_day,
    at,
    begun,
    failed,
    in_stages,
    lines_of,
    rolled_back,
    served,
    start_failed,
    stepped,
    steps_with,
    superseded,
)
from tests.unit.report.sessions import PIP, started
from tests.unit.report.strategies import SESSIONS


def _only(*sessions: list[Event], detailed: int | None = None, alive: bool = False) -> BuildRecord:
    (build,) = past(lines_of(*sessions), detailed=detailed, alive=alive).builds
    return build


def test_every_build_of_a_day_and_what_became_of_it() -> None:
    found = past(lines_of(*a_day()))
    assert found.project == "sample"
    assert [(build.number, build.went) for build in found.builds] == [
        *((number, "rolling") for number in range(1, 6)),
        *((number, "warm") for number in range(6, 14)),
        (14, "rolling"),
        (15, "failed"),
        (16, "start failed"),
        (17, "superseded"),
        (18, "warm"),
        (14, "rollback"),
        (19, "cut off"),
    ]
    assert past(lines_of(*a_day()), alive=True).builds[-1].outcome == "running"


def test_a_served_build_has_what_its_events_say() -> None:
    build = _only(served(7, NOON, cause="requirements.txt", pip=6.0, boot=0.61), detailed=7)
    assert (build.at, build.cause, build.changed, build.saved) == (
        NOON,
        "requirements.txt",
        ("requirements.txt",),
        True,
    )
    assert (build.ran, build.cached, len(build.steps)) == (3, 3, 6)
    assert build.reason == f"{PIP} is run again"
    assert build.timings.boot == 0.61
    starts = [(step.index, step.start) for step in build.steps if step.start is not None]
    assert starts == [(3, 0.04), (4, 0.06), (5, 6.06)]
    assert build.steps[3].reason == "requirements.txt line 3 added: httpx"


def test_starts_are_worked_out_for_the_build_that_is_asked_for_only() -> None:
    for events in (served(7, NOON, pip=6.0), failed(7, NOON)):
        assert all(step.start is None for step in _only(events).steps)
        assert any(step.start is not None for step in _only(events, detailed=7).steps)


def test_stages_lie_where_they_were_and_overlap_where_they_did() -> None:
    warm = {span.name: span for span in spans(_only(served(7, NOON)))}
    assert list(warm) == ["detect", "context", "build", "stage", "boot", "flip"]
    assert warm["context"].start == 0.008
    assert warm["stage"].start == 0.019
    assert warm["boot"].start == 0.028 < warm["build"].start + warm["build"].seconds
    rolling = {span.name: span for span in spans(_only(served(7, NOON, pip=6.0, boot=0.6)))}
    ends = [round(span.start + span.seconds, 3) for span in rolling.values()]
    assert ends == sorted(ends)
    assert rolling["boot"].start >= rolling["build"].start + rolling["build"].seconds
    refused = {span.name: span for span in spans(_only(start_failed(7, NOON)))}
    assert round(refused["boot"].start + refused["boot"].seconds, 3) == 1.7


def test_failures_and_superseded_builds_keep_what_is_known_of_them() -> None:
    build = _only(failed(7, NOON), detailed=7)
    assert build.failure is not None
    assert (build.failure.step, build.failure.exit_status, build.serving) == (PIP, 1, 6)
    assert (build.timings.total, build.ran, build.cached) == (2.2, 2, 2)
    build = _only(start_failed(7, NOON))
    assert build.failure is not None
    assert build.failure.log[-1].startswith("ImportError")
    assert (round(build.timings.total, 3), build.timings.build) == (1.7, 0.042)
    assert _only(superseded(7, NOON)).superseded_by == "app/main.py changed again"


def test_a_save_whose_build_was_called_off_counts_from_its_first_write_on() -> None:
    build = past(lines_of([*superseded(7, NOON), *served(8, NOON + 2)])).builds[-1]
    assert build.at == NOON + 2
    late = [
        event.model_copy(update={"timings": event.timings.model_copy(update={"total": 3.0})})
        if event.kind == "release.served"
        else event
        for event in served(8, NOON + 2)
    ]
    build = past(lines_of([*superseded(7, NOON), *late])).builds[-1]
    assert NOON - 1 < build.at < NOON


def test_a_build_without_an_end_is_cut_off_by_whatever_comes_next() -> None:
    half = [*begun(7, NOON, "app/main.py"), *stepped(7, NOON + 0.1, steps_with(3.0)[:4])]
    for after in (
        [half, at(NOON + 9, started())],
        [[*half, *at(NOON + 9, SessionStopped(reason="Ctrl-C"))]],
        [[*half, *served(8, NOON + 9)]],
    ):
        first = past(lines_of(*after), alive=True).builds[0]
        assert (first.outcome, first.ran, first.cached) == ("cut off", 2, 2)
    running = _only(half, detailed=7, alive=True)
    assert running.outcome == "running"
    assert round(end_of(running), 3) == 3.12


def test_of_builds_with_one_number_the_newest_is_meant() -> None:
    again = past(lines_of([*served(7, NOON)], [*failed(7, NOON + 9)]))
    newest = again.newest(7)
    assert newest is not None
    assert newest.outcome == "failed"
    assert again.newest(8) is None


def test_a_rollback_is_no_build_and_hides_none() -> None:
    known = past(lines_of([*served(7, NOON, pip=1.0), *rolled_back(7, NOON + 60)]), detailed=7)
    build, again = known.builds
    assert known.newest(7) == build
    assert (again.release_only, again.cause, again.timings.total) == (True, "rollback asked for", 0.61)
    alone = past(lines_of(rolled_back(7, NOON))).newest(7)
    assert alone is not None
    assert [span.name for span in spans(alone)] == ["boot", "flip"]


def test_steps_of_several_stages_run_beside_each_other() -> None:
    build = _only(in_stages(7, NOON), detailed=7)
    running = build.steps[3]
    assert [step.state for step in build.steps] == [
        StepState.CACHED,
        StepState.DONE,
        StepState.CACHED,
        StepState.RUNNING,
    ]
    assert running.start == build.steps[1].start == 0.1


@given(sessions=st.lists(SESSIONS, max_size=3))
def test_whatever_is_told_becomes_builds(sessions: list[list[Event]]) -> None:
    lines = lines_of(*sessions)
    numbers = [event.build for events in sessions for event in events if isinstance(event, BuildStarted)]
    for detailed in (None, *range(4)):
        found = past(lines, detailed=detailed).builds
        assert [build.number for build in found if not build.release_only] == numbers
        for build in found:
            assert all(span.seconds > 0 and span.start >= 0 for span in spans(build))
            assert end_of(build) >= 0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=30)
@given(data=st.data())
def test_lines_of_another_form_are_taken_for_what_they_have(data: st.DataObject) -> None:
    spoilt = []
    for line in lines_of(*a_day()):
        fields = json.loads(line.text)
        if data.draw(st.integers(0, 20)) == 0:
            fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(_JSON)
        text = json.dumps(fields).encode()
        torn = data.draw(st.integers(0, 30)) == 0
        spoilt.append(Line(line.session, line.seq, line.kind, text[: len(text) // 2] if torn else text))
    for build in past(spoilt, detailed=14).builds:
        spans(build)


def test_a_time_that_no_clock_tells_counts_as_not_told() -> None:
    spoilt = [
        line._replace(text=json.dumps({**json.loads(line.text), "at": 10**400}).encode())
        for line in lines_of(*a_day())
    ]
    assert max(build.at for build in past(spoilt).builds) == 0.0
