"""What was gathered, as frozen values for judging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devbox.engine.values import EngineInfo
from devbox.errors import DevboxError, PortTaken
from devbox.model import PortMapping


@dataclass(frozen=True, slots=True)
class Answer:
    """The engine that answered, and what this machine's clock said before and after, in seconds since the
    epoch."""

    info: EngineInfo
    asked: float
    answered: float


@dataclass(frozen=True, slots=True)
class Room:
    """What is left on a file system, in bytes and in files (None where it does not count them); `what` lies
    there, in words."""

    what: str
    path: str
    free: int
    total: int
    free_files: int | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """`limits` are the system's by name, none where it has no inotify; `folders` how many this tree has.
    `polls` says why events are not used, `refusal` and `advice` why the system would not watch; '' if not."""

    folders: int
    limits: Mapping[str, int]
    polls: str = ""
    refusal: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port to publish: `own` where this project's gate or container holds it, `taken` by whom else, or
    `refused` why it may not be opened."""

    mapping: PortMapping
    own: bool = False
    taken: PortTaken | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """A base image: here, or what its registry said; None is a yes."""

    reference: str
    here: bool
    answer: DevboxError | None = None


@dataclass(frozen=True, slots=True)
class Occupants:
    """Who has the project: the pid of its devbox, the other folder that uses its name, the other user who
    runs it."""

    daemon: int | None = None
    foreign: str = ""
    user: str = ""
