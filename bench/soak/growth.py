"""Samples as rows of a table, and what each row is held to. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

# What is kept on purpose, 4,096 events, is full by then: what still grows does so for no reason.
SETTLED = 250
_JUDGED = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted after so many rebuilds."""

    rebuilds: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Bound:
    """At no time more than `most`, and no more than `growth` in 100 rebuilds once it has settled."""

    most: float
    growth: float


@dataclass(frozen=True, slots=True)
class Row:
    """One figure over all samples; `growth` per 100 rebuilds, None of too few samples; `broken` says which
    bounds do not hold."""

    figure: str
    first: float
    median: float
    last: float
    most: float
    growth: float | None
    bound: Bound | None
    broken: tuple[str, ...]


def rows(samples: Sequence[Sample], bounds: Mapping[str, Bound]) -> tuple[Row, ...]:
    """A row for each figure of the first sample. Raises ValueError for no samples."""
    if not samples:
        raise ValueError("no samples")
    return tuple(_row(figure, samples, bounds.get(figure)) for figure in samples[0].figures)


def growth(points: Sequence[tuple[float, float]]) -> float | None:
    """By how much y grows in 100 of x: the median of the slopes between any two points (Theil-Sen), so that
    one sample taken at a bad moment counts for nothing. None of fewer than four points."""
    if len(points) < _JUDGED:
        return None
    slopes = [(b - a) / (after - before) for (before, a), (after, b) in combinations(points, 2)]
    return statistics.median(slopes) * 100


def _row(figure: str, samples: Sequence[Sample], bound: Bound | None) -> Row:
    values = [sample.figures[figure] for sample in samples]
    last = samples[-1].rebuilds
    settled = last >= 2 * SETTLED
    since = SETTLED if settled else 0
    grown = growth([(s.rebuilds, s.figures[figure]) for s in samples if s.rebuilds >= since])
    broken = []
    if bound is not None and max(values) > bound.most:
        broken.append(f"{max(values):.1f} > {bound.most:g}")
    if bound is not None and settled and grown is not None and grown > bound.growth:
        broken.append(f"grows by {grown:.2f} > {bound.growth:g} in 100 rebuilds")
    return Row(
        figure, values[0], statistics.median(values), values[-1], max(values), grown, bound, tuple(broken)
    )
