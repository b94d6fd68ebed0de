"""The one union of events, and its JSON form: one object a line, `v`, `seq`, `at` and `kind` first.

`at` is wall-clock time in seconds since the epoch, for people; every duration inside an event was measured
on a monotonic clock, in seconds. `seq` grows by one with each event of a session. `build` and `revision`
are the same number: build 7, when it succeeds, becomes revision 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from devbox.events.app import (
    AppExited,
    AppLog,
    AppOutOfMemory,
    AppRaised,
)
from devbox.events.build import (
    BuildAdvice,
    BuildAvoidable,
    BuildFailed,
    BuildFinished,
    BuildLog,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
)
from devbox.events.parts import VERSION, AdviceInfo, Failure, Problem, StepInfo, TimingsInfo
from devbox.events.release import (
    ReleaseFailed,
    ReleaseLog,
    ReleaseServed,
    ReleaseStarted,
    ReleaseStep,
    StandbyChanged,
)
from devbox.events.session import (
    ChangeDetected,
    ChangeIgnored,
    ContextNotice,
    EngineBack,
    EngineLost,
    ServicesFailed,
    ServicesLog,
    ServicesReady,
    ServicesStarting,
    SessionStarted,
    SessionStopped,
    WatchDegraded,
    WatchPaused,
    WatchResumed,
)

__all__ = [
    "BACK_TO",
    "SETTINGS_STAY",
    "VERSION",
    "AdviceInfo",
    "AppExited",
    "AppLog",
    "AppOutOfMemory",
    "AppRaised",
    "BuildAdvice",
    "BuildAvoidable",
    "BuildFailed",
    "BuildFinished",
    "BuildLog",
    "BuildStarted",
    "BuildStep",
    "BuildSuperseded",
    "ChangeDetected",
    "ChangeIgnored",
    "ContextNotice",
    "Emit",
    "EngineBack",
    "EngineLost",
    "Event",
    "Failure",
    "Problem",
    "ReleaseFailed",
    "ReleaseLog",
    "ReleaseServed",
    "ReleaseStarted",
    "ReleaseStep",
    "ServicesFailed",
    "ServicesLog",
    "ServicesReady",
    "ServicesStarting",
    "SessionStarted",
    "SessionStopped",
    "StandbyChanged",
    "StepInfo",
    "TimingsInfo",
    "WatchDegraded",
    "WatchPaused",
    "WatchResumed",
    "from_json",
    "json_schema",
    "to_json",
]

BACK_TO = "back to "
"""How the reason of a `change.ignored` begins that heals a failure: the disk holds again what serves."""
SETTINGS_STAY = "the former settings stay"
"""How the reason of a `change.ignored` ends that refuses changed settings."""

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
