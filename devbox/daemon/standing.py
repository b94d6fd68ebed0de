"""How a project stands, as the events of its session tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Literal

from devbox.endings import how_it_ended
from devbox.events import (
    BACK_TO,
    AppExited,
    BuildFailed,
    BuildStarted,
    BuildSuperseded,
    ChangeIgnored,
    EngineBack,
    EngineLost,
    Event,
    Failure,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    StandbyChanged,
    WatchPaused,
    WatchResumed,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One project at one moment.

    `revision` serves, 0 where none does; `building` is the build or revision in the making, 0 where none is.
    `failure` is what the newest save, or the application, ended with, as long as nothing healed it, and
    `failed` the number of that build or revision. `newest` is the newest build; `rolled_back` is true while
    an older revision serves since somebody asked for it. `standby` is true while one waits.
    """

    project: str = ""
    root: str = ""
    engine: str = ""
    urls: tuple[str, ...] = ()
    revision: int = 0
    image: str = ""
    building: int = 0
    failed: int = 0
    failure: Failure | None = None
    paused: bool = False
    newest: int = 0
    rolled_back: bool = False
    standby: bool = False
    engine_lost: bool = False

    @property
    def state(self) -> Literal["serving", "starting", "failed"]:
        """ "serving", "failed" (nothing serves, for `failure`) or "starting"."""
        if self.revision:
            return "serving"
        return "failed" if self.failure is not None and not self.building else "starting"


def of_build(build: int, failure: Failure) -> Failure:
    """The failure of a build as a sentence that can stand alone."""
    return failure.model_copy(update={"what": f"build {build} failed: {failure.what}"})


def of_release(revision: int, failure: Failure) -> Failure:
    """The failure of a release as a sentence that can stand alone."""
    return failure.model_copy(update={"what": f"revision {revision} failed to start: {failure.what}"})


def reduce(standing: Standing, event: Event) -> Standing:
    """The standing after the event."""
    return _apply(event, standing)


@singledispatch
def _apply(event: object, standing: Standing) -> Standing:
    del event
    return standing


@_apply.register
def _(event: SessionStarted, standing: Standing) -> Standing:
    del standing
    return Standing(project=event.project, root=event.root, engine=event.engine, urls=event.urls)


@_apply.register
def _(event: BuildStarted, standing: Standing) -> Standing:
    return replace(standing, building=event.build, newest=max(standing.newest, event.build))


@_apply.register
def _(event: BuildSuperseded, standing: Standing) -> Standing:
    return replace(standing, building=0 if standing.building == event.build else standing.building)


@_apply.register
def _(event: BuildFailed, standing: Standing) -> Standing:
    failure = of_build(event.build, event.failure)
    return replace(standing, building=0, failed=event.build, failure=failure, revision=event.serving)


@_apply.register
def _(event: ReleaseFailed, standing: Standing) -> Standing:
    if event.serving and event.revision < standing.newest:
        # A rollback or a restart: of the newest save it says nothing.
        return replace(standing, building=0, revision=event.serving)
    failure = of_release(event.revision, event.failure)
    return replace(standing, building=0, failed=event.revision, failure=failure, revision=event.serving)


@_apply.register
def _(event: ReleaseServed, standing: Standing) -> Standing:
    return replace(
        standing,
        building=0,
        failed=0,
        failure=None,
        revision=event.revision,
        image=event.image,
        urls=standing.urls or (event.url,),
        rolled_back=event.strategy == "rollback"
        or (standing.rolled_back and event.strategy in ("restart", "restarted")),
        # It serves now, or was made from what served before.
        standby=standing.standby and event.strategy in ("restart", "restarted"),
    )


@_apply.register
def _(event: AppExited, standing: Standing) -> Standing:
    how = how_it_ended(event.exit_status, killed=event.out_of_memory, limit=event.memory_limit)
    failure = Failure(what=f"revision {event.revision} {how}", log=event.log, exit_status=event.exit_status)
    return replace(standing, failed=event.revision, failure=failure, revision=0, image="")


@_apply.register
def _(event: ChangeIgnored, standing: Standing) -> Standing:
    if not event.reason.startswith(BACK_TO):
        return standing
    return replace(standing, building=0, failed=0, failure=None)


@_apply.register
def _(event: StandbyChanged, standing: Standing) -> Standing:
    return replace(standing, standby=event.ready)


@_apply.register
def _(event: EngineLost, standing: Standing) -> Standing:
    return replace(standing, building=0, engine_lost=True, failure=event.failure)


@_apply.register
def _(event: EngineBack, standing: Standing) -> Standing:
    del event
    return replace(standing, engine_lost=False, failure=None if not standing.failed else standing.failure)


@_apply.register
def _(event: WatchPaused, standing: Standing) -> Standing:
    del event
    return replace(standing, paused=True)


@_apply.register
def _(event: WatchResumed, standing: Standing) -> Standing:
    del event
    return replace(standing, paused=False)
