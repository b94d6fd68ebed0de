"""Reading what is on disk: settings, build context and Dockerfile as one Source."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devbox.build.dockerfile import Dockerfile, parse
from devbox.config import Config, load
from devbox.daemon.template import Template, stands_in
from devbox.daemon.work import Source
from devbox.digest import file_digest
from devbox.errors import ConfigError, DockerfileError, NotRecognised
from devbox.generate import Generated
from devbox.model import Entry
from devbox.watch import Watcher

_OUTSIDE_NAME = ".devbox.Dockerfile"
_READ_AGAIN = 3


class Settings:
    """The settings of a project as they stand on disk, re-read where a file they come from changed.

    A settings file that cannot be used leaves the former Config in force.
    """

    def __init__(self, root: Path, flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._flags, self._environ = flags, environ
        self.config = load(root, flags, environ)
        # A relative path would lead after a folder that is moved, and nowhere once it is deleted.
        self._place = self.config.place
        # Nothing yet: only a load after the look at the files is sure to have read what was seen.
        self._seen: dict[Path, bytes | None] = {}
        self._refused = ""

    def reload(self) -> bool:
        """True where the files changed and gave another Config; raises ConfigError once for a bad change.

        While the project's folder is gone, nothing changed: whoever reads the build context says so.
        What was refused is tried again each time: it may be mended by what no settings file tells, a folder
        that was missing.
        """
        if not self.config.root.is_dir():
            return False
        stamp = self._stamp()
        changed = stamp != self._seen
        if not changed and not self._refused:
            return False
        self._seen = stamp
        try:
            former, self.config = self.config, load(self._place, self._flags, self._environ)
        except ConfigError as error:
            said, self._refused = self._refused, str(error)
            if changed or said != self._refused:
                raise
            return False
        self._refused = ""
        return self.config != former

    @property
    def refused(self) -> str:
        """Why what the files hold now is not in force, '' where it is."""
        return self._refused

    def refuse(self, former: Config, reason: str) -> None:
        """Puts the former Config in force again; the refused one is tried again with each `reload`."""
        self.config, self._refused = former, reason

    def _stamp(self) -> dict[Path, bytes | None]:
        """The content of every file that the Config comes from, as far as the Config in force names them."""
        return {path: _content(path) for path in self.config.watched_files}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


async def read_source(
    config: Config, watcher: Watcher, template: Template, *, hinted: bool = False
) -> Source:
    """What a build started now would be made of, with `hinted` as far as hints tell; raises DockerfileError,
    ContextError."""
    began = time.monotonic()
    name = _name_in_context(config)
    if hinted:
        snapshot, whole = await watcher.glance()
    else:
        snapshot, whole = await watcher.scan(), True
    content, generated = await asyncio.to_thread(dockerfile_of, config, snapshot.entries, template)
    # Saved between the two: what is parsed must be what is sent.
    for _ in range(_READ_AGAIN):
        entry = snapshot.entries.get(name)
        if entry is None or entry.digest == file_digest([content]):
            break
        snapshot, whole = await watcher.scan(), True
        content, generated = await asyncio.to_thread(dockerfile_of, config, snapshot.entries, template)
    dockerfile = parsed(config, content)
    digest = hashlib.sha256(f"{snapshot.digest}\0{name}\0".encode() + content).hexdigest()[:32]
    took = time.monotonic() - began
    return Source(config, snapshot, dockerfile, content, name, digest, took, whole, generated)


def dockerfile_of(
    config: Config, entries: Mapping[str, Entry], template: Template
) -> tuple[bytes, Generated | None]:
    """What the Dockerfile holds, or where nobody has written one the one that stands in for it; blocks on the
    disk. Raises DockerfileError where it cannot be read, and where nothing can stand in."""
    try:
        content = config.dockerfile.read_bytes()
    except FileNotFoundError as error:
        if not stands_in(config) or config.dockerfile.is_symlink() or not template.is_wanted():
            raise _missing(config) from error
    except OSError as error:
        raise DockerfileError(
            f"{_shown(config)} cannot be read", path=str(_shown(config)), cause=error.strerror or str(error)
        ) from error

    else:
        template.written()
        return content, None
    try:
        generated = template.make(config, entries)
    except NotRecognised as error:
        raise _missing(config, error) from error
    return generated.dockerfile.encode(), generated


def _missing(config: Config, why: NotRecognised | None = None) -> DockerfileError:
    other = "name one with --dockerfile"
    # What a flag names, devbox init knows nothing of.
    write = "write it" if config.sources["dockerfile"] == "flag" else "write it, as devbox init does"
    return DockerfileError(
        f"there is no {_shown(config)} in {config.root}",
        path=str(_shown(config)),
        cause=f"and none can be made up: {why}" if why else "",
        hint=f"{why.hint}; or write a Dockerfile, or {other}" if why else f"{write}, or {other}",
    )


def parsed(config: Config, content: bytes) -> Dockerfile:
    """The Dockerfile with that content; raises DockerfileError with the line."""
    return parse(content.decode("utf-8-sig", errors="replace"), str(_shown(config)))


def _shown(config: Config) -> Path:
    """The Dockerfile's path as the user would type it."""
    return Path(os.path.relpath(config.dockerfile, config.root))


def _name_in_context(config: Config) -> str:
    """The Dockerfile's name within the tar: its own where it lies in the context."""
    if config.dockerfile.is_relative_to(config.context):
        return config.dockerfile.relative_to(config.context).as_posix()
    return _OUTSIDE_NAME
