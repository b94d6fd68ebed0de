"""What the control API takes and gives; a field that is there stays, with its meaning, within `v1`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from devbox.events import Event, Failure


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _no_number(value: object) -> object:
    """JSON Schema takes 5.0 for an integer, and neither "5" nor true for a number; pydantic takes all."""
    if isinstance(value, bool | str):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic turns only this one into an answer
    return value


_Number = BeforeValidator(_no_number)


class Status(_Model):
    """One project at one moment."""

    project: str
    root: str = Field(description="the project's folder, absolute")
    state: Literal["serving", "starting", "failed"] = Field(
        description="failed: nothing serves, for `failure`; starting: nothing serves yet"
    )
    revision: int = Field(description="the revision that serves, 0 where none does")
    image: str = Field(description="the id of its image")
    container: str = Field(description="the name of the container that serves")
    urls: tuple[str, ...]
    building: int = Field(description="the build in the making, 0 where none is")
    failed: int = Field(description="the build or revision that `failure` is about, 0 where nothing failed")
    failure: Failure | None = Field(description="what the newest save ended with, until that is healed")
    paused: bool = Field(description="changes on disk lead to nothing")
    rolled_back: bool = Field(description="an older revision serves since somebody asked for it")
    settings_refused: str = Field(description="why the settings on disk are not in force, '' where they are")
    standby: bool = Field(description="a standby waits for the next change")
    engine: str
    engine_lost: bool
    config_hash: str = Field(description="changes with the settings and flags in force")
    version: str = Field(description="of devbox")
    pid: int
    last: int = Field(description="the `seq` of the newest event")


class RebuildOrder(_Model):
    """How to build what is on disk though nothing changed."""

    no_cache: StrictBool = Field(False, description="run every step")
    pull: StrictBool = Field(False, description="fetch base images anew")


class RollbackOrder(_Model):
    """Which revision is to serve again."""

    revision: Annotated[int, _Number] = Field(0, ge=0, le=2**31, description="0: the one before what serves")


class WaitOrder(_Model):
    """How long to wait."""

    timeout: Annotated[float, _Number] = Field(600.0, ge=0, le=86400, description="seconds")


class Begun(_Model):
    """What was asked for has begun; the events after `after` tell what becomes of it."""

    number: int = Field(description="the build, or the revision")
    after: int = Field(description="the `seq` of the newest event before it")


class Watching(_Model):
    """Whether changes on disk are built."""

    paused: bool


class Waited(_Model):
    """Whether what was on disk when this was asked, or something newer, serves."""

    result: Literal["serving", "failed", "timeout"]
    revision: int = Field(description="the revision that serves, 0 where none does")
    building: int = Field(description="the build still in the making, 0 where none is")
    failure: Failure | None = Field(None, description="with `failed`: why what is on disk does not serve")


class Revisions(_Model):
    """The revisions whose images are kept, oldest first."""

    serving: int
    kept: tuple[int, ...]


class Events(_Model):
    """Events of the session that are still kept."""

    events: tuple[Event, ...]


class Refusal(_Model):
    """Why an order is refused."""

    what: str
    cause: str = ""
    hint: str = ""
    exit_code: int = Field(description="what devbox exits with for it")
