"""What the requests sent around an edit say; times are seconds on the monotonic clock."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Request:
    """One request, on a connection of its own or on one `kept` alive; `body` is that of a good answer, None
    where there was none."""

    sent: float
    ended: float
    body: str | None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: when the file was written, when the first answer of the new code had arrived, every request
    sent meanwhile and shortly before and after, and where the contestant says the time went, in seconds."""

    saved: float
    served: float
    requests: Sequence[Request]
    split: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """All edits of one contestant: seconds; counts of requests, those that failed by kind of connection."""

    median: float
    p95: float
    requests: int
    failed_new: int
    failed_kept: int
    longest_gap: float
    split: Mapping[str, float]
    all: tuple[float, ...]


def summarize(edits: Sequence[Edit]) -> Summary:
    """What one row tells; `split` holds the median of every part. Raises ValueError for no edits."""
    seconds = tuple(edit.served - edit.saved for edit in edits)
    requests = [request for edit in edits for request in edit.requests]
    parts = dict.fromkeys(part for edit in edits for part in edit.split)
    return Summary(
        median=percentile(seconds, 50),
        p95=percentile(seconds, 95),
        requests=len(requests),
        failed_new=failed(requests, kept=False),
        failed_kept=failed(requests, kept=True),
        longest_gap=max(longest_gap(edit.requests) for edit in edits),
        split={part: statistics.median(edit.split.get(part, 0.0) for edit in edits) for part in parts},
        all=seconds,
    )


def failed(requests: Sequence[Request], *, kept: bool) -> int:
    """How many requests of that kind of connection had no good answer."""
    return sum(request.body is None and request.kept is kept for request in requests)


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of the values that at least `percent` % of them do not exceed (the nearest rank), for 50
    the mean of the two in the middle. Raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    if percent == 50:
        return statistics.median(values)
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


def longest_gap(requests: Sequence[Request]) -> float:
    """The longest time in which no good answer ended, from the first request sent to the last one ended."""
    if not requests:
        return 0.0
    good = sorted(request.ended for request in requests if request.body is not None)
    first = min(request.sent for request in requests)
    last = max(request.ended for request in requests)
    return max(later - earlier for earlier, later in pairwise((first, *good, last)))
