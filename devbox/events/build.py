"""Events of a build."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devbox.events.parts import AdviceInfo, AnyEvent, Failure, StepInfo


class BuildStarted(AnyEvent):
    """A build began; `expected` maps an instruction to why it is expected to run again."""

    kind: Literal["build.started"] = "build.started"
    build: int
    cause: str
    expected: dict[str, str] = Field(default_factory=dict)


class BuildStep(AnyEvent):
    """A step appeared, started, moved on or ended."""

    kind: Literal["build.step"] = "build.step"
    build: int
    step: StepInfo


class BuildLog(AnyEvent):
    """Output of a running step, or progress of a base image's pull (`step` is then "pull …")."""

    kind: Literal["build.log"] = "build.log"
    build: int
    step: str
    line: str
    stream: Literal["stdout", "stderr", "progress"] = "stdout"


class BuildFinished(AnyEvent):
    """The image is there; `steps` are all of its steps, in order."""

    kind: Literal["build.finished"] = "build.finished"
    build: int
    image: str
    seconds: float
    steps: tuple[StepInfo, ...]
    cached: int


class BuildFailed(AnyEvent):
    """The build ended without an image; `step` is the failing instruction, '' where there is none.

    `serving` is the revision that goes on serving, 0 where none does.
    """

    kind: Literal["build.failed"] = "build.failed"
    build: int
    step: str = ""
    seconds: float
    failure: Failure
    serving: int = 0


class BuildSuperseded(AnyEvent):
    """A newer change made the build's result worthless before it could serve; where `again` is set, an order
    or a change did so with the rollback to, or the restart of, revision `build`, whose image was there."""

    kind: Literal["build.superseded"] = "build.superseded"
    build: int
    cause: str
    seconds: float
    again: str = ""


class BuildAdvice(AnyEvent):
    """Everything that could be better in the Dockerfile as it is now, told when that is something else than
    before; the better lines are told by `devbox explain`."""

    kind: Literal["build.advice"] = "build.advice"
    findings: tuple[AdviceInfo, ...] = ()


class BuildAvoidable(AnyEvent):
    """The build would have been `seconds` shorter had `finding` been followed; not `exact` where it is that
    or less. Told once a session of each finding."""

    kind: Literal["build.avoidable"] = "build.avoidable"
    build: int
    seconds: float
    exact: bool = True
    finding: AdviceInfo
