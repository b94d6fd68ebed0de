"""What advice would have saved of a build that was just measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devbox.build.advice.values import Advice
from devbox.build.dockerfile import BuildStep
from devbox.model import Step, StepState

_WORTH_SAYING = 1.0


@dataclass(frozen=True, slots=True)
class Saving:
    """By how many seconds a build would have been shorter; not `exact` where it is that or less."""

    advice: Advice
    seconds: float
    exact: bool


def saving(found: Iterable[Advice], steps: Sequence[Step], changed: Sequence[str]) -> Saving | None:
    """The largest saving of a build with these `steps` for these `changed` paths of the context, None below
    one second.

    Only what was certainly in vain counts: the step ran since the source changed, and nothing changed that
    it needs or that it comes after otherwise.
    """
    savings = [each for advice in found if (each := _saving(advice, steps, changed)) is not None]
    return max(savings, key=lambda each: each.seconds, default=None)


def _saving(advice: Advice, steps: Sequence[Step], changed: Sequence[str]) -> Saving | None:
    again = advice.again
    if again is None or not changed or advice.file in changed or any(path in changed for path in again.needs):
        return None
    ran, since = _find(again.step, steps), _find(again.since, steps)
    if ran is None or since is None or not _did_run(ran) or not _did_run(since):
        return None
    if not any(source.matches(path) for source in again.since.sources for path in changed):
        return None
    if any(_did_run(step) for step in _before(steps, since)) or ran.seconds < _WORTH_SAYING:
        return None
    # Stages run beside one another: what one of them saves may not be what all of them wait for.
    stages = {step.stage for step in steps}
    return Saving(advice, ran.seconds, exact=again.whole and len(stages) == 1)


def _did_run(step: Step) -> bool:
    return step.state is StepState.DONE


def _before(steps: Sequence[Step], since: Step) -> list[Step]:
    """The steps that come before the source's in its stage, FROM left out, which runs where it is fetched."""
    return [
        step
        for step in steps
        if step.stage == since.stage and step.index < since.index and not step.instruction.startswith("FROM ")
    ]


def _find(wanted: BuildStep, steps: Sequence[Step]) -> Step | None:
    """The step of the builder's trace that an instruction became."""
    same = [step for step in steps if step.instruction == wanted.name]
    in_stage = [step for step in same if step.stage == wanted.stage_name]
    return next(iter(in_stage or same), None)
