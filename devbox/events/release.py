"""Events of a release, and of the standby for the next one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devbox.events.parts import AnyEvent, Failure, TimingsInfo
from devbox.model import StepState


class StandbyChanged(AnyEvent):
    """A standby of `revision` waits for the next source-only change (`ready`), or none does, and why.

    `modules` counts what its interpreter has loaded already; `dropped` names what it must not load early, and
    why; `seconds` is how long it took to get ready.
    """

    kind: Literal["standby.changed"] = "standby.changed"
    revision: int
    ready: bool
    reason: str = ""
    modules: int = 0
    dropped: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0


class ReleaseStep(AnyEvent):
    """A command before the start of a revision began, ended, or is not needed ("cached"): no file that its
    `when` matches has changed since it last succeeded. `seconds` is its duration so far."""

    kind: Literal["release.step"] = "release.step"
    revision: int
    index: int
    total: int
    command: str
    state: StepState
    seconds: float = 0.0


class ReleaseLog(AnyEvent):
    """One line that a command before the start of a revision wrote."""

    kind: Literal["release.log"] = "release.log"
    revision: int
    command: str
    line: str
    stream: Literal["stdout", "stderr"] = "stdout"


class ReleaseStarted(AnyEvent):
    """A revision is on its way to serve."""

    kind: Literal["release.started"] = "release.started"
    revision: int
    strategy: str
    reason: str = ""


class ReleaseServed(AnyEvent):
    """The revision answers at `url`; nothing of an older one is sent new connections any more.

    `strategy` is "warm", "rolling" or "recreate"; "adopted" for a container that a former daemon left
    serving; "rollback" where an older revision serves again, under its own number; "restart" for a new
    container of the same revision; "restarted" where Docker, or somebody else, started its container again.
    """

    kind: Literal["release.served"] = "release.served"
    revision: int
    image: str
    strategy: str
    url: str
    timings: TimingsInfo
    cached: int = 0
    steps: int = 0


class ReleaseFailed(AnyEvent):
    """The revision's container exited or never became ready; `serving` is the one that still serves, 0
    where none does."""

    kind: Literal["release.failed"] = "release.failed"
    revision: int
    failure: Failure
    serving: int = 0
