"""Why each step of the last build ran or was cached, and what could be better. Pure: out of the events that
told of it, and of advice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from devbox.events import (
    AdviceInfo,
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
from devbox.report.advice import place_of
from devbox.report.failure import PREFIX, reason_lines
from devbox.report.pulse import step_name
from devbox.report.text import clean, seconds, shorten

_FOLLOWS = "follows "
_UNKNOWN = "not in the builder's cache"


class Suggested(AdviceInfo):
    """Advice with its `better` lines, which take the place of the lines `first` to `last` of the file `into`;
    where `last` is one less than `first` they go in before `first`. No `into` where no lines are known."""

    better: tuple[str, ...] = ()
    first: int = 0
    last: int = -1
    into: str = ""


class Explanation(BaseModel):
    """One build: `state` is "finished", "failed", "superseded", "running" where no end was told, or "none"
    where no build is known, and its number 0.

    The `reason` of a step that ran says why, of a cached one it is ''. `step` is the failing instruction;
    `seconds` is 0 while the build runs. `advice` is on the Dockerfile as it is on disk; `unadvised` says why
    there is none where it cannot be read.
    """

    model_config = ConfigDict(frozen=True)

    build: int = 0
    cause: str = ""
    state: Literal["none", "running", "finished", "failed", "superseded"] = "none"
    seconds: float = 0.0
    steps: tuple[StepInfo, ...] = ()
    step: str = ""
    failure: Failure | None = None
    advice: tuple[Suggested, ...] = ()
    unadvised: str = ""


def explain_last(events: Iterable[Event]) -> Explanation | None:
    """The last build that `events` tell of, None where they tell of none."""
    found: Explanation | None = None
    steps: dict[tuple[str, str], StepInfo] = {}
    for event in events:
        match event:
            case BuildStarted():
                found = Explanation(build=event.build, cause=event.cause, state="running")
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
            case BuildSuperseded(again="") if (
                found and event.build == found.build and found.state == "running"
            ):
                found = found.model_copy(update={"state": "superseded", "seconds": event.seconds})
    if found is None:
        return None
    return found.model_copy(update={"steps": tuple(_traced(step, found.steps) for step in found.steps)})


def _traced(step: StepInfo, steps: tuple[StepInfo, ...]) -> StepInfo:
    """The step with the reason of the one that it follows added to its own."""
    if not step.reason.startswith(_FOLLOWS):
        return step
    followed = step.reason.removeprefix(_FOLLOWS)
    for other in steps:
        names = (other.instruction, f"{other.instruction} in {other.stage}")
        if other.reason and followed in names and not other.reason.startswith(_FOLLOWS):
            return step.model_copy(update={"reason": f"{other.reason}; {step.reason}"})
    return step


def explanation_lines(found: Explanation) -> list[str]:
    """The build, each of its steps, how it ended, and the advice, in the words of the plain output."""
    advice = [line for each in found.advice for line in _advice(each)]
    if found.unadvised:
        advice = [f"{PREFIX}no advice: {clean(found.unadvised)}"]
    if found.state == "none":
        return [f"{PREFIX}no build is known{'' if advice else ', and there is no advice'}", *advice]
    steps = [f"{PREFIX}{_step(step)}" for step in found.steps]
    return [f"{PREFIX}build {found.build} started: {clean(found.cause)}", *steps, *_end(found), *advice]


def _advice(found: Suggested) -> list[str]:
    said = [
        f"{PREFIX}advice: {place_of(found)}: {clean(found.message)} [{clean(found.rule)}]",
        *reason_lines("", found.hint),
    ]
    if not found.into:
        return said
    return [*said, f"{PREFIX}  {_where(found)}", *(f"    {clean(line)}".rstrip() for line in found.better)]


def _where(found: Suggested) -> str:
    """Where the better lines go."""
    into = clean(found.into)
    lines = f"line {found.first}" if found.first == found.last else f"lines {found.first} to {found.last}"
    if not found.better:
        return f"without {lines} of {into}"
    if found.into != found.file:
        return f"in {into}:"
    return f"before line {found.first} of {into}:" if found.last < found.first else f"{lines} of {into}:"


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
