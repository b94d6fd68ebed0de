"""Events of a session as a whole: the engine, the disk, the services beside."""

from __future__ import annotations

from typing import Literal

from devbox.events.parts import AnyEvent, Failure


class SessionStarted(AnyEvent):
    """A daemon took over the project; `urls` answer as soon as a revision serves."""

    kind: Literal["session.started"] = "session.started"
    project: str
    root: str
    urls: tuple[str, ...]
    engine: str
    version: str


class SessionStopped(AnyEvent):
    """The daemon ended; `serving` is true where the application was left running on purpose."""

    kind: Literal["session.stopped"] = "session.stopped"
    reason: str
    serving: bool = False


class EngineLost(AnyEvent):
    """The engine stopped answering; devbox goes on asking."""

    kind: Literal["engine.lost"] = "engine.lost"
    failure: Failure


class EngineBack(AnyEvent):
    """The engine answers again, after `seconds`."""

    kind: Literal["engine.back"] = "engine.back"
    engine: str
    seconds: float


class WatchDegraded(AnyEvent):
    """File events are late, lost or not to be had; the scan goes on at its own pace."""

    kind: Literal["watch.degraded"] = "watch.degraded"
    reason: str
    hint: str = ""


class WatchPaused(AnyEvent):
    """Changes are not built until `watch.resumed`; what serves goes on serving."""

    kind: Literal["watch.paused"] = "watch.paused"


class WatchResumed(AnyEvent):
    """Changes are built again, those made meanwhile first."""

    kind: Literal["watch.resumed"] = "watch.resumed"


class ServicesStarting(AnyEvent):
    """Docker Compose is asked to run the other services of the compose file."""

    kind: Literal["services.starting"] = "services.starting"
    services: tuple[str, ...]


class ServicesLog(AnyEvent):
    """A line that Docker Compose wrote meanwhile."""

    kind: Literal["services.log"] = "services.log"
    line: str


class ServicesReady(AnyEvent):
    """Each of them is healthy, or done where it was to end; `seconds` since they were asked for."""

    kind: Literal["services.ready"] = "services.ready"
    services: tuple[str, ...]
    seconds: float


class ServicesFailed(AnyEvent):
    """One of them will not become ready."""

    kind: Literal["services.failed"] = "services.failed"
    services: tuple[str, ...]
    failure: Failure


class ChangeDetected(AnyEvent):
    """The build context or the settings differ from what was built last."""

    kind: Literal["change.detected"] = "change.detected"
    cause: str
    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    seconds: float


class ChangeIgnored(AnyEvent):
    """Something was touched and nothing needs to be built; `reason` says why."""

    kind: Literal["change.ignored"] = "change.ignored"
    reason: str
    paths: tuple[str, ...] = ()


class ContextNotice(AnyEvent):
    """Something that people should know: a secret in the build context, a socket left out of it, a journal
    that cannot be written."""

    kind: Literal["context.notice"] = "context.notice"
    notice: str
