"""Why each step of the last build ran or was cached. Pure: out of the events that told of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from devbox.events import (
    BuildFailed,
    BuildFinished,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    Event,
    Failure,
    StepInfo,
)
from devbox.model import StepState
from devbox.report.failure import PREFIX, reason_lines
from devbox.report.pulse import step_name
from devbox.report.text import clean, seconds, shorten

_UNKNOWN = "not in the builder's cache"


class Explanation(BaseModel):
    """One build: `state` is "finished", "failed", "superseded", or "running" where no end was told.

    The `reason` of a step that ran says why, of a cached one it is ''. `step` is the failing instruction;
    `seconds` is 0 while the build runs.
    """

    model_config = ConfigDict(frozen=True)

    build: int
    cause: str
    state: Literal["running", "finished", "failed", "superseded"] = "running"
    seconds: float = 0.0
    steps: tuple[StepInfo, ...] = ()
    step: str = ""
    failure: Failure | None = None


def explain_last(events: Iterable[Event]) -> Explanation | None:
    """The last build that `events` tell of, None where they tell of none."""
    found: Explanation | None = None
    steps: dict[tuple[str, str], StepInfo] = {}
    for event in events:
        match event:
            case BuildStarted():
                found = Explanation(build=event.build, cause=event.cause)
                steps = {}
            case BuildStep() if found and event.build == found.build:
                # Its number may change while the builder still finds out about other steps.
                steps[event.step.stage, event.step.instruction] = event.step
                ordered = tuple(sorted(steps.values(), key=lambda step: step.index))
                found = found.model_copy(update={"steps": ordered})
            case BuildFinished() if found and event.build == found.build:
                ended = {"state": "finished", "seconds": event.seconds, "steps": event.steps}
                found = found.model_copy(update=ended)
            case BuildFailed() if found and event.build == found.build:
                failed = {"state": "failed", "seconds": event.seconds, "step": event.step}
                found = found.model_copy(update={**failed, "failure": event.failure})
            case BuildSuperseded() if found and event.build == found.build and found.state == "running":
                found = found.model_copy(update={"state": "superseded", "seconds": event.seconds})
    return found


def explanation_lines(found: Explanation) -> list[str]:
    """The build, each of its steps, and how it ended, in the words of the plain output."""
    steps = [f"{PREFIX}{_step(step)}" for step in found.steps]
    return [f"{PREFIX}build {found.build} started: {clean(found.cause)}", *steps, *_end(found)]


def _step(step: StepInfo) -> str:
    place = f"{step_name(step.stage, step.index, step.total)} {shorten(step.instruction)}"
    match step.state:
        case StepState.CACHED:
            return f"{place} cached (nothing it builds upon changed)"
        case StepState.WAITING:
            return f"{place} not begun"
        case StepState.RUNNING:
            return f"{place} begun ({clean(step.reason) or _UNKNOWN})"
        case StepState.DONE:
            return f"{place} {seconds(step.seconds)} ({clean(step.reason) or _UNKNOWN})"
        case _:
            return (
                f"{place} {step.state.value} after {seconds(step.seconds)} ({clean(step.reason) or _UNKNOWN})"
            )


def _end(found: Explanation) -> list[str]:
    what = f"{PREFIX}build {found.build} {found.state}"
    if found.state == "running":
        return [f"{PREFIX}build {found.build} has not ended"]
    if found.failure is not None:
        status = "" if found.failure.exit_status is None else f" (exit {found.failure.exit_status})"
        failing = shorten(found.step) if found.step else clean(found.failure.what)
        return [f"{what}: {failing}{status}", *reason_lines(found.failure.cause, found.failure.hint)]
    cached = sum(step.state is StepState.CACHED for step in found.steps)
    told = f", {cached} of {len(found.steps)} steps cached" if found.state == "finished" else ""
    return [f"{what} in {seconds(found.seconds)}{told}"]
