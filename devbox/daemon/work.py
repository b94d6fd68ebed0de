"""What a round works on, what becomes of it, and what to do about a hint. Pure."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from devbox.build.dockerfile import Dockerfile
from devbox.config import Config
from devbox.daemon.beforestart import Steps
from devbox.generate import Generated
from devbox.model import Backend, Plan, Revision, Snapshot

SETTINGS_CHANGED = "settings changed"


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes one image and container differ from another: equal identities need no work."""

    context_digest: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class Source:
    """What is on disk at one moment: settings, build context, Dockerfile; `seconds` it took to read. Not
    `whole` where only what hints spoke of was looked at. `generated` is the Dockerfile where it stands in for
    one that nobody has written."""

    config: Config
    snapshot: Snapshot
    dockerfile: Dockerfile
    dockerfile_bytes: bytes
    dockerfile_name: str
    context_digest: str
    seconds: float
    whole: bool = True
    generated: Generated | None = None

    @property
    def identity(self) -> Identity:
        return Identity(self.context_digest, self.config.config_hash)

    @property
    def writable(self) -> tuple[str, ...]:
        """Paths of the build context, without code, that are mounted for the container to write to."""
        code = self.mounted_code
        return tuple(name for name, read_only in self._mounted() if not read_only and name not in code)

    @property
    def mounted_code(self) -> tuple[str, ...]:
        """Paths of the build context that are mounted into the container and have Python source in them."""
        mounted = [name for name, _ in self._mounted()]
        # Each save asks, of all files that there are, and seldom is anything mounted.
        source = [path for path in self.snapshot.entries if path.endswith(".py")] if mounted else []
        return tuple(
            name
            for name in mounted
            if any(name in (".", path) or path.startswith(f"{name}/") for path in source)
        )

    def _mounted(self) -> Iterable[tuple[str, bool]]:
        for mount in self.config.volumes:
            path = Path(mount.source)
            if mount.kind == "bind" and path.is_relative_to(self.config.context):
                name = path.relative_to(self.config.context).as_posix()
                if name == "." or name in self.snapshot.entries:
                    yield name, mount.read_only

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Files of the build context that hold a build secret, as paths within it."""
        found = []
        for secret in self.config.secrets:
            path = Path(os.path.normpath(self.config.root / secret.file)) if secret.file else None
            if path is not None and path.is_relative_to(self.config.context):
                name = path.relative_to(self.config.context).as_posix()
                if name in self.snapshot.entries:
                    found.append(name)
        return tuple(found)


class Why(StrEnum):
    """Why an image that is there already is released again."""

    ROLLBACK = "rollback"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Again:
    """A revision whose image is there, to be released again."""

    revision: Revision
    why: Why


@dataclass(frozen=True, slots=True)
class Work:
    """One round: build `number` out of `source`, or release `again`, while `source` is what is on disk.

    `first_seen` is when the first write that it answers to was seen, `detect` the seconds from there to the
    decision. With `insist` the result serves even if the disk moved on meanwhile: a tree that never comes
    to rest must not keep the old code serving for good. `pull` fetches base images anew. `changed` are the
    paths of the build context without which it would have been the last build again. `steps` come before the
    start.
    """

    number: int
    source: Source
    plan: Plan
    first_seen: float
    detect: float
    insist: bool = False
    no_cache: bool = False
    pull: bool = False
    again: Again | None = None
    changed: tuple[str, ...] = ()
    steps: Steps = field(default_factory=Steps)


@dataclass(frozen=True, slots=True)
class Serving:
    """The container that serves, its name, and where.

    `boot` is how long its start took, in seconds, infinite where nobody saw it; `bases` are the ids of the
    images that its own was built upon, empty where that is not known. `record` is that of the commands which
    have succeeded before it, `started` the engine's time at which the container was started.
    """

    revision: Revision
    container: str
    name: str
    backends: tuple[Backend, ...]
    url: str
    alive: bool = True
    boot: float = math.inf
    bases: tuple[str, ...] = ()
    record: str = ""
    started: float = 0.0

    @property
    def identity(self) -> Identity:
        return Identity(self.revision.context_digest, self.revision.config_hash)


@dataclass(frozen=True, slots=True)
class Served:
    """A round's success."""

    serving: Serving


class Verdict(StrEnum):
    """What a look at the disk leads to."""

    BUILD = "build"
    NOTHING = "nothing"
    REVERT = "revert"


def decide(
    now: Identity,
    *,
    building: Identity | None,
    attempted: Identity | None,
    serving: Serving | None,
    retry: bool,
) -> Verdict:
    """What to do when the disk holds `now`.

    BUILD: make it. NOTHING: it is being made, or serves, or failed and nobody asked again (`retry`). REVERT:
    it is what serves, while something else was tried since: end that.
    """
    if building is not None:
        if now == building:
            return Verdict.NOTHING
        return Verdict.REVERT if _serves(serving, now) else Verdict.BUILD
    if _serves(serving, now):
        return Verdict.NOTHING if attempted == now else Verdict.REVERT
    if attempted == now and not retry:
        return Verdict.NOTHING
    return Verdict.BUILD


def _serves(serving: Serving | None, now: Identity) -> bool:
    return serving is not None and serving.alive and serving.identity == now


def cause_of(source: Source, base: Source | None, serving: Serving | None, *, first: bool) -> str:
    """Why `source` is built where no changed path says it; '' where one does.

    `base` is what was built last in this session, `first` says that nothing ever was.
    """
    if base is None:
        if serving is not None:
            return "changed while devbox was not running"
        return "first build" if first else "first build of this session"
    if serving is not None and not serving.alive and serving.identity == source.identity:
        return f"revision {serving.revision.number} had ended"
    if base.identity == source.identity:
        return "tried again"
    if base.context_digest == source.context_digest:
        return SETTINGS_CHANGED
    return ""


def worth_finishing(running: Iterable[str], affected: Iterable[str]) -> bool:
    """Whether a superseded build should go on for its running step's sake: a RUN that the newer change does
    not touch, and whose result the next build takes from the cache."""
    touched = set(affected)
    return any(instruction.startswith("RUN ") and instruction not in touched for instruction in running)
