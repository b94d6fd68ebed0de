"""What is usual for a step, and which of its runs was far off it. Pure.

A run is far off where all of this holds, longer or shorter: it was at least 1 s away from the median of the
earlier runs, and twice as long or half; and of at least `_ENOUGH` earlier runs, of which the newest
`_REMEMBERED` count, the middle half spread far less than that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from devbox.model import StepState
from devbox.report.history.records import BuildRecord, StepRecord

_ENOUGH = 3
_REMEMBERED = 30
_LEAST_SECONDS = 1.0
_TIMES = 2.0
# Of a normal distribution, one standard deviation is 1.4826 median absolute deviations.
_DEVIATIONS = 3 * 1.4826


@dataclass(frozen=True, slots=True)
class SlowStep:
    """A step over several builds: how often it ran, and how many seconds it took."""

    instruction: str
    stage: str
    median: float
    longest: float
    runs: int


def usual_seconds(seconds: float, earlier: Sequence[float]) -> float | None:
    """The median of the earlier runs where `seconds` is far off it, else None."""
    if len(earlier) < _ENOUGH:
        return None
    middle = median(earlier)
    away = abs(seconds - middle)
    spread = median(abs(value - middle) for value in earlier)
    far = away >= _LEAST_SECONDS and away > _DEVIATIONS * spread
    return middle if far and not middle / _TIMES < seconds < middle * _TIMES else None


def marked(builds: Iterable[BuildRecord]) -> tuple[BuildRecord, ...]:
    """The builds, oldest first, each step that was far off what was usual by then with its `usual`."""
    runs: dict[tuple[str, str], deque[float]] = {}
    found = []
    for build in builds:
        steps = []
        for step in build.steps:
            earlier = runs.setdefault((step.stage, step.instruction), deque(maxlen=_REMEMBERED))
            usual = usual_seconds(step.seconds, earlier) if _really_ran(step) else None
            steps.append(step if usual is None else replace(step, usual=round(usual, 4)))
        # Not before all of them: a Dockerfile may have the same line twice.
        for step in filter(_really_ran, build.steps):
            runs[step.stage, step.instruction].append(step.seconds)
        found.append(replace(build, steps=tuple(steps)))
    return tuple(found)


def slowest(builds: Iterable[BuildRecord], most: int) -> tuple[SlowStep, ...]:
    """The steps that took longest when they ran, by their median, `most` at most."""
    runs: dict[tuple[str, str], list[float]] = {}
    for build in builds:
        for step in filter(_really_ran, build.steps):
            runs.setdefault((step.stage, step.instruction), []).append(step.seconds)
    found = [
        SlowStep(instruction, stage, round(median(took), 4), max(took), len(took))
        for (stage, instruction), took in runs.items()
    ]
    return tuple(sorted(found, key=lambda step: step.median, reverse=True)[:most])


def _really_ran(step: StepRecord) -> bool:
    return step.state is StepState.DONE
