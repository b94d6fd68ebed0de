"""The one union of events, and its JSON form: one object a line, `v`, `seq`, `at` and `kind` first.

`at` is wall-clock time in seconds since the epoch, for people; every duration inside an event was measured
on a monotonic clock, in seconds. `seq` grows by one with each event of a session. `build` and `revision`
are the same number: build 7, when it succeeds, becomes revision 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from devbox.model import StepState

VERSION: Literal[1] = 1
BACK_TO = "back to "
"""How the reason of a `change.ignored` begins that heals a failure: the disk holds again what serves."""
SETTINGS_STAY = "the former settings stay"
"""How the reason of a `change.ignored` ends that refuses changed settings."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, value: object) -> object:
        """File names need not be UTF-8, JSON must be: undecodable bytes become backslash escapes."""
        return _escaped(value)


class _Event(_Told):
    v: Literal[1] = VERSION
    seq: int = 0
    at: float = 0.0


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, tuple):
        return tuple(_escaped(item) for item in value)
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return value


class Problem(_Told):
    """A place in the project that a failure points at, and what is wrong there.

    `file` is relative to the project's folder, with forward slashes; `line` and `column` count from 1, and
    column 0 means the whole line.
    """

    file: str
    line: int
    column: int = 0
    severity: Literal["error", "warning", "info"] = "error"
    message: str


class Failure(_Told):
    """What failed, why, what to do next, the last lines of the log that shows it, and where to look."""

    what: str
    cause: str = ""
    hint: str = ""
    log: tuple[str, ...] = ()
    exit_status: int | None = None
    problems: tuple[Problem, ...] = ()


class SessionStarted(_Event):
    """A daemon took over the project; `urls` answer as soon as a revision serves."""

    kind: Literal["session.started"] = "session.started"
    project: str
    root: str
    urls: tuple[str, ...]
    engine: str
    version: str


class SessionStopped(_Event):
    """The daemon ended; `serving` is true where the application was left running on purpose."""

    kind: Literal["session.stopped"] = "session.stopped"
    reason: str
    serving: bool = False


class EngineLost(_Event):
    """The engine stopped answering; devbox goes on asking."""

    kind: Literal["engine.lost"] = "engine.lost"
    failure: Failure


class EngineBack(_Event):
    """The engine answers again, after `seconds`."""

    kind: Literal["engine.back"] = "engine.back"
    engine: str
    seconds: float


class WatchDegraded(_Event):
    """File events are late, lost or not to be had; the scan goes on at its own pace."""

    kind: Literal["watch.degraded"] = "watch.degraded"
    reason: str
    hint: str = ""


class WatchPaused(_Event):
    """Changes are not built until `watch.resumed`; what serves goes on serving."""

    kind: Literal["watch.paused"] = "watch.paused"


class WatchResumed(_Event):
    """Changes are built again, those made meanwhile first."""

    kind: Literal["watch.resumed"] = "watch.resumed"


class ServicesStarting(_Event):
    """Docker Compose is asked to run the other services of the compose file."""

    kind: Literal["services.starting"] = "services.starting"
    services: tuple[str, ...]


class ServicesLog(_Event):
    """A line that Docker Compose wrote meanwhile."""

    kind: Literal["services.log"] = "services.log"
    line: str


class ServicesReady(_Event):
    """Each of them is healthy, or done where it was to end; `seconds` since they were asked for."""

    kind: Literal["services.ready"] = "services.ready"
    services: tuple[str, ...]
    seconds: float


class ServicesFailed(_Event):
    """One of them will not become ready."""

    kind: Literal["services.failed"] = "services.failed"
    services: tuple[str, ...]
    failure: Failure


class ChangeDetected(_Event):
    """The build context or the settings differ from what was built last."""

    kind: Literal["change.detected"] = "change.detected"
    cause: str
    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    seconds: float


class ChangeIgnored(_Event):
    """Something was touched and nothing needs to be built; `reason` says why."""

    kind: Literal["change.ignored"] = "change.ignored"
    reason: str
    paths: tuple[str, ...] = ()


class ContextNotice(_Event):
    """Something that people should know: a secret in the build context, a socket left out of it, a journal
    that cannot be written."""

    kind: Literal["context.notice"] = "context.notice"
    notice: str


class BuildStarted(_Event):
    """A build began; `expected` maps an instruction to why it is expected to run again."""

    kind: Literal["build.started"] = "build.started"
    build: int
    cause: str
    expected: dict[str, str] = Field(default_factory=dict)


class StepInfo(_Told):
    """One instruction of a build; `seconds` is its duration so far."""

    index: int
    total: int
    instruction: str
    state: StepState
    stage: str = ""
    seconds: float = 0.0
    reason: str = ""
    error: str = ""


class BuildStep(_Event):
    """A step appeared, started, moved on or ended."""

    kind: Literal["build.step"] = "build.step"
    build: int
    step: StepInfo


class BuildLog(_Event):
    """Output of a running step, or progress of a base image's pull (`step` is then "pull …")."""

    kind: Literal["build.log"] = "build.log"
    build: int
    step: str
    line: str
    stream: Literal["stdout", "stderr", "progress"] = "stdout"


class BuildFinished(_Event):
    """The image is there; `steps` are all of its steps, in order."""

    kind: Literal["build.finished"] = "build.finished"
    build: int
    image: str
    seconds: float
    steps: tuple[StepInfo, ...]
    cached: int


class BuildFailed(_Event):
    """The build ended without an image; `step` is the failing instruction, '' where there is none.

    `serving` is the revision that goes on serving, 0 where none does.
    """

    kind: Literal["build.failed"] = "build.failed"
    build: int
    step: str = ""
    seconds: float
    failure: Failure
    serving: int = 0


class BuildSuperseded(_Event):
    """A newer change made the build's result worthless before it could serve."""

    kind: Literal["build.superseded"] = "build.superseded"
    build: int
    cause: str
    seconds: float


class AdviceInfo(_Told):
    """One thing that could be better in what an image is built from: `message` says what is so and what it
    costs, `hint` what to do; `rule` is its name. `file` and `line` as in Problem."""

    rule: str
    file: str
    line: int
    message: str
    hint: str


class BuildAdvice(_Event):
    """Everything that could be better in the Dockerfile as it is now, told when that is something else than
    before; the better lines are told by `devbox explain`."""

    kind: Literal["build.advice"] = "build.advice"
    findings: tuple[AdviceInfo, ...] = ()


class BuildAvoidable(_Event):
    """The build would have been `seconds` shorter had `finding` been followed; not `exact` where it is that
    or less. Told once a session of each finding."""

    kind: Literal["build.avoidable"] = "build.avoidable"
    build: int
    seconds: float
    exact: bool = True
    finding: AdviceInfo


class StandbyChanged(_Event):
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


class ReleaseStep(_Event):
    """A command before the start of a revision began, ended, or is not needed ("cached"): no file that its
    `when` matches has changed since it last succeeded. `seconds` is its duration so far."""

    kind: Literal["release.step"] = "release.step"
    revision: int
    index: int
    total: int
    command: str
    state: StepState
    seconds: float = 0.0


class ReleaseLog(_Event):
    """One line that a command before the start of a revision wrote."""

    kind: Literal["release.log"] = "release.log"
    revision: int
    command: str
    line: str
    stream: Literal["stdout", "stderr"] = "stdout"


class ReleaseStarted(_Event):
    """A revision is on its way to serve."""

    kind: Literal["release.started"] = "release.started"
    revision: int
    strategy: str
    reason: str = ""


class TimingsInfo(_Told):
    """Where the seconds between the first write seen and the first answer of the new code went;
    `before_start` is what the commands before the start took."""

    detect: float = 0.0
    context: float = 0.0
    build: float = 0.0
    stage: float = 0.0
    boot: float = 0.0
    flip: float = 0.0
    total: float = 0.0
    before_start: float = 0.0


class ReleaseServed(_Event):
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


class ReleaseFailed(_Event):
    """The revision's container exited or never became ready; `serving` is the one that still serves, 0
    where none does."""

    kind: Literal["release.failed"] = "release.failed"
    revision: int
    failure: Failure
    serving: int = 0


class AppLog(_Event):
    """One line that the application of a revision wrote."""

    kind: Literal["app.log"] = "app.log"
    revision: int
    stream: Literal["stdout", "stderr"]
    line: str


class AppRaised(_Event):
    """The serving application logged exceptions and goes on; `problems` are where they come from."""

    kind: Literal["app.raised"] = "app.raised"
    revision: int
    problems: tuple[Problem, ...]


class AppOutOfMemory(_Event):
    """A process of the serving container was killed for the container's memory, and the container runs on;
    `memory_limit` in bytes, 0 where it has none."""

    kind: Literal["app.out_of_memory"] = "app.out_of_memory"
    revision: int
    memory_limit: int = 0


class AppExited(_Event):
    """The serving container ended by itself; `memory_limit` in bytes, 0 where it has none. With `restarting`
    Docker starts it again, as its restart policy says."""

    kind: Literal["app.exited"] = "app.exited"
    revision: int
    exit_status: int
    out_of_memory: bool = False
    memory_limit: int = 0
    restarting: bool = False
    log: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


Event = Annotated[
    SessionStarted
    | SessionStopped
    | EngineLost
    | EngineBack
    | WatchDegraded
    | WatchPaused
    | WatchResumed
    | ServicesStarting
    | ServicesLog
    | ServicesReady
    | ServicesFailed
    | ChangeDetected
    | ChangeIgnored
    | ContextNotice
    | BuildStarted
    | BuildStep
    | BuildLog
    | BuildFinished
    | BuildFailed
    | BuildSuperseded
    | BuildAdvice
    | BuildAvoidable
    | StandbyChanged
    | ReleaseStarted
    | ReleaseStep
    | ReleaseLog
    | ReleaseServed
    | ReleaseFailed
    | AppLog
    | AppRaised
    | AppOutOfMemory
    | AppExited,
    Field(discriminator="kind"),
]

Emit = Callable[[Event], None]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def to_json(event: Event) -> str:
    """One line of JSON without a line end: `v`, `seq`, `at`, `kind`, then the event's own fields."""
    return _ADAPTER.dump_json(event).decode()


def from_json(line: str | bytes) -> Event:
    """The event that `to_json` wrote; raises pydantic's ValidationError for anything else."""
    return _ADAPTER.validate_json(line)


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one line of `--output jsonl`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "devbox event",
        **_ADAPTER.json_schema(mode="serialization"),
    }
