"""The Dockerfile that stands in for one that nobody has written, and the ignore file beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from devbox.config import Config
from devbox.generate import DEFAULT_PORT, DOCKERIGNORE, Folder, Generated, Options, Reader, generate
from devbox.model import Entry

# Some editors remove a file before they write it anew.
_SAVING = 0.25
NO_DOCKERFILE = "no Dockerfile: building with the one that devbox init would write"


def stands_in(config: Config) -> bool:
    """Whether a Dockerfile that is missing may be stood in for: not where the settings or a flag mean a file,
    or a stage, of the user's own."""
    return config.sources["dockerfile"] == "default" and not config.target


def unwritten_rules(config: Config) -> bytes:
    """The ignore rules as long as nobody has written a Dockerfile or an ignore file."""
    return DOCKERIGNORE.encode() if stands_in(config) else b""


def _served_port(config: Config) -> int:
    """The port that an application should listen on: the published one, else the default."""
    return next((port.container_port for port in config.ports if port.protocol == "tcp"), DEFAULT_PORT)


def asked_for(config: Config) -> Options:
    """What the settings ask of the Dockerfile."""
    volumes = (mount for mount in config.volumes if mount.kind != "bind" and not mount.read_only)
    return Options(port=_served_port(config), folders=tuple(sorted({mount.target for mount in volumes})))


class Template:
    """Makes the Dockerfile that stands in, again and again: what did not change is neither read nor made a
    second time.

    Not for two threads at once.
    """

    def __init__(self) -> None:
        self._reader = Reader()
        self._was_there = False
        self._gone_since: float | None = None
        self._made: tuple[Folder, Options, Generated] | None = None

    def written(self) -> None:
        """There is a Dockerfile."""
        self._was_there, self._gone_since = True, None

    def is_wanted(self) -> bool:
        """Whether a missing Dockerfile is to be stood in for: one that was there just now is being saved."""
        if not self._was_there:
            return True
        now = time.monotonic()
        self._gone_since = now if self._gone_since is None else self._gone_since
        return now - self._gone_since >= _SAVING

    def make(self, config: Config, entries: Mapping[str, Entry]) -> Generated:
        """The Dockerfile for a build context; blocks on the disk. Raises NotRecognised as generate does."""
        folder, options = self._reader.read(config.context, entries), asked_for(config)
        if self._made is None or self._made[0] is not folder or self._made[1] != options:
            self._made = folder, options, generate(folder, options)
        return self._made[2]
