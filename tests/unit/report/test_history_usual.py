"""When a step took longer, or less long, than it usually does: often enough, by enough, and not by chance."""

from __future__ import annotations

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.report.history.told import past
from devbox.report.history.usual import marked, slowest, usual_seconds
from tests.unit.report.pasts import NOON, a_day, failed, lines_of, served
from tests.unit.report.sessions import PIP

_SECONDS = st.floats(0, 3600)
_RUNS = st.lists(_SECONDS, max_size=40)


@pytest.mark.parametrize(
    ("took", "earlier", "usual"),
    [
        (41.2, [6.1, 5.9, 6.4, 6.0], 6.05),
        (0.9, [41.0, 40.0, 42.0], 41.0),
        (41.2, [6.1, 5.9], None),
        (0.9, [0.1, 0.1, 0.1], None),
        (9.0, [6.0, 6.0, 6.0], None),
        (13.0, [1.0, 6.0, 12.0, 2.0, 9.0], None),
        (41.2, [6.0, 6.1, 300.0, 5.9], 6.05),
    ],
)
def test_far_off_or_not(took: float, earlier: list[float], usual: float | None) -> None:
    assert usual_seconds(took, earlier) == (None if usual is None else pytest.approx(usual))


@given(took=_SECONDS, earlier=_RUNS)
def test_what_is_marked_was_far_off(took: float, earlier: list[float]) -> None:
    usual = usual_seconds(took, earlier)
    if usual is None:
        return
    assert usual == median(earlier)
    assert len(earlier) >= 3
    assert abs(took - usual) >= 1
    assert took >= 2 * usual or took <= usual / 2


@given(took=_SECONDS, more=_SECONDS, earlier=_RUNS)
def test_what_is_even_longer_is_marked_too(took: float, more: float, earlier: list[float]) -> None:
    usual = usual_seconds(took, earlier)
    if usual is not None and took > usual:
        assert usual_seconds(took + more, earlier) == usual


@given(took=_SECONDS, earlier=_RUNS, seed=st.randoms(use_true_random=False))
def test_the_order_of_earlier_runs_does_not_matter(
    took: float, earlier: list[float], seed: random.Random
) -> None:
    mixed = list(earlier)
    seed.shuffle(mixed)
    assert usual_seconds(took, mixed) == usual_seconds(took, earlier)


@given(steady=st.floats(0.5, 100), count=st.integers(3, 30))
def test_a_steady_step_is_not_marked_and_twice_its_time_is(steady: float, count: int) -> None:
    earlier = [steady] * count
    assert usual_seconds(steady, earlier) is None
    assert usual_seconds(2 * steady + 1, earlier) == pytest.approx(steady)


def test_a_build_is_held_against_those_before_it_only() -> None:
    found = marked(past(lines_of(*a_day())).builds)
    marks = {(build.number, step.instruction): step.usual for build in found for step in build.steps}
    assert {key: usual for key, usual in marks.items() if usual is not None} == {(14, PIP): 6.1}


def test_what_was_cached_or_failed_is_no_run() -> None:
    events = [*served(1, NOON), *failed(2, NOON + 9), *served(3, NOON + 20, pip=6.0)]
    builds = past(lines_of(events)).builds
    runs = {step.instruction: (step.runs, step.median, step.longest) for step in slowest(builds, 9)}
    assert runs[PIP] == (1, 6.0, 6.0)
    assert slowest(builds, 1)[0].instruction == PIP
    assert slowest((), 5) == ()
