"""What the live screen knows, as one frozen value. Times are those of the events' `at`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devbox.events import Failure, SessionStopped, StepInfo, TimingsInfo
from devbox.model import StepState


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as last reported, and when that was."""

    info: StepInfo
    at: float

    def seconds(self, now: float) -> float:
        """Its duration at `now`: it moves only while the step runs."""
        if self.info.state is not StepState.RUNNING:
            return self.info.seconds
        return self.info.seconds + max(now - self.at, 0.0)


@dataclass(frozen=True, slots=True)
class PullView:
    """A base image on its way; `part` is between 0 and 1, None where it is not known."""

    step: str
    line: str
    at: float
    part: float | None = None


@dataclass(frozen=True, slots=True)
class BuildView:
    """A build, running or ended; `output` is the newest line that a running step wrote, with that step's
    instruction."""

    number: int
    cause: str
    at: float
    expected: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepView, ...] = ()
    output: tuple[str, str] = ("", "")
    pull: PullView | None = None

    def reason(self, step: StepInfo) -> str:
        """Why a step is not cached, or is expected not to be; '' where unknown, or where the build's cause
        says the same."""
        reason = step.reason or self.expected.get(step.instruction, "")
        return "" if reason == self.cause or step.state is StepState.CACHED else reason


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A revision on its way to serve."""

    revision: int
    strategy: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class ServedView:
    """How the serving revision got there."""

    revision: int
    cause: str
    strategy: str
    timings: TimingsInfo
    cached: int
    steps: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure that stands until a revision serves; `where` is the failing instruction."""

    kind: Literal["build", "start", "exit"]
    number: int
    failure: Failure
    serving: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class StandbyView:
    """Whether a standby of `revision` waits, and why none can be made, where that is known."""

    revision: int = 0
    ready: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EngineGone:
    """The engine does not answer, since `at`."""

    failure: Failure
    at: float


@dataclass(frozen=True, slots=True)
class ViewState:
    """Everything that the screen shows. `serving` is the serving revision, 0 where none does; `last` is the
    last build that came to its end, well or badly."""

    project: str = ""
    urls: tuple[str, ...] = ()
    engine: str = ""
    at: float = 0.0
    serving: int = 0
    build: BuildView | None = None
    last: BuildView | None = None
    release: ReleaseView | None = None
    served: ServedView | None = None
    trouble: Trouble | None = None
    gone: EngineGone | None = None
    standby: StandbyView = StandbyView()
    paused: bool = False
    degraded: tuple[str, str] = ("", "")
    note: str = ""
    cause: tuple[int, str] = (0, "")
    history: tuple[float, ...] = ()
    stopped: SessionStopped | None = None
    message: str = ""
