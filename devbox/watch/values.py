"""What the parts of this room hand to each other, and looks() to the daemon."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Reason(StrEnum):
    """Why to look at the disk: something was seen; it is time anyway; or watching began anew."""

    EVENT = "event"
    BACKSTOP = "backstop"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class Hint:
    """Something may have changed: `at` seconds on the monotonic clock, `paths` relative to the context where
    they are in it and absolute elsewhere."""

    at: float
    paths: tuple[str, ...] = ()
    reason: Reason = Reason.EVENT


@dataclass(frozen=True, slots=True)
class Look:
    """Time to look, now that it is quiet: hints came between `first_seen` and `last_seen` (seconds on the
    monotonic clock), about `count` paths of which `paths` are the first hundred. `extra_files` are those
    watched besides the context whose status differs from the last look's."""

    first_seen: float
    last_seen: float
    reason: Reason
    paths: tuple[str, ...] = ()
    count: int = 0
    extra_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Degraded:
    """Changes are seen later than they should be: `reason` says why, `hint` what to do about it."""

    reason: str
    hint: str
