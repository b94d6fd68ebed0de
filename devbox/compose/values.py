"""What a compose file says, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which compose files are read and what is developed of them: `files` are Compose's own choice where
    empty, `service` the only one with a `build` where ''.

    With `beside_others` devbox develops the other built services too, each in a session of its own.
    """

    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    service: str = ""
    beside_others: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A network or a volume of the compose project: its key in the file and its name on the engine;
    `external` where somebody else makes it."""

    key: str
    name: str
    external: bool = False


@dataclass(frozen=True, slots=True)
class Sync:
    """A `develop.watch` entry that puts files from `path` to `target` in the container."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """Which files a `develop.watch` entry is about: those in `path`, with `include` only what its patterns
    match, without what those of `ignore` match; both are as in a .dockerignore file, relative to `path`."""

    path: str
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compose:
    """A compose project around the `service` that is developed.

    `before` are the services that it may need, `after` those that need it, both started by Compose; `jobs`
    are those of them that are to end by themselves. `command` calls Compose for this very project, up to its
    own verbs. `unsupported` names what of the service's description devbox leaves out. `watched` is every
    file that this was read from; `digest` changes with anything that concerns the others.
    """

    name: str
    service: str
    file: str
    command: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    networks: tuple[Named, ...] = ()
    volumes: tuple[Named, ...] = ()
    syncs: tuple[Sync, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    unsupported: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    watched: tuple[Path, ...] = ()
    digest: str = ""

    def network_labels(self, name: str) -> dict[str, str]:
        """What Compose knows a network of its own by; one that devbox made first is taken for one then."""
        return self._labels("network", self.networks, name)

    def volume_labels(self, name: str) -> dict[str, str]:
        """The same of a volume."""
        return self._labels("volume", self.volumes, name)

    def _labels(self, kind: str, among: tuple[Named, ...], name: str) -> dict[str, str]:
        keys = [named.key for named in among if named.name == name and not named.external]
        return (
            {"com.docker.compose.project": self.name, f"com.docker.compose.{kind}": keys[0]} if keys else {}
        )


@dataclass(frozen=True, slots=True)
class Composed:
    """A compose project, and what it sets for the developed service (fields of Settings)."""

    compose: Compose
    settings: Mapping[str, Any] = field(default_factory=dict)
