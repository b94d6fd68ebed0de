"""The steps of a build, and when each began. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from devbox.model import StepState
from devbox.report.history.fields import Fields, inner, seconds, state, text, whole
from devbox.report.history.records import StepRecord

_BEGUN = (StepState.RUNNING, StepState.DONE, StepState.FAILED, StepState.CANCELLED)


def step_records(
    told: Iterable[Fields], finished: Iterable[Fields], zero: float | None
) -> tuple[StepRecord, ...]:
    """The steps that `finished`, the end of a build, lists; where there was none, those that the `build.step`
    events of it `told`. `start` is counted from the time `zero` on, and is None where that is."""
    steps: dict[int, Fields] = {}
    ended: dict[int, float] = {}
    total = 0
    for event in told:
        step = inner(event, "step")
        index, total = whole(step, "index"), whole(step, "total")
        steps[index], ended[index] = step, seconds(event, "at")
    # While the builder still finds out about steps, those it has told of have other numbers.
    known = [step for _, step in sorted(steps.items()) if whole(step, "total") == total]
    records = []
    for step in tuple(finished) or known:
        index = whole(step, "index")
        same = text(steps.get(index, {}), "instruction") == text(step, "instruction")
        record = _record(step, None if zero is None or not same else ended.get(index, zero) - zero)
        if record is not None:
            records.append(record)
    return tuple(records)


def _record(step: Fields, end: float | None) -> StepRecord | None:
    """The step, which came to its state `end` seconds after the save; None for one of no known form."""
    known = state(step)
    if known is None:
        return None
    took = seconds(step, "seconds")
    return StepRecord(
        index=whole(step, "index"),
        total=whole(step, "total"),
        instruction=text(step, "instruction"),
        state=known,
        stage=text(step, "stage"),
        seconds=took,
        reason=text(step, "reason"),
        start=round(max(end - took, 0.0), 4) if end is not None and known in _BEGUN else None,
    )
