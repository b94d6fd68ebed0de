"""The files of a project by their names in its container, and what is wrong at a place in them. Pure but for
the reading it is given."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field

from devbox.build.blame import Blame, Line
from devbox.build.dockerfile import runtime
from devbox.build.origin import Origins, is_installed
from devbox.config import Config
from devbox.daemon.settingplace import setting_line, settings_file
from devbox.daemon.work import Source
from devbox.errors import DockerfileError
from devbox.events import Problem
from devbox.release.traceback import Found

Read = Callable[[str], str | None]
_DECODED = "utf-8-sig"


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one Source as people know them: relative to the project's folder. `read` gives the text of
    such a file, None where there is none."""

    source: Source
    read: Read
    origins: Origins = field(init=False)
    blame: Blame = field(init=False)

    def __post_init__(self) -> None:
        source, config = self.source, self.source.config
        origins = Origins(source.dockerfile, config.build_args, config.target, source.snapshot.entries)
        text = source.dockerfile_bytes.decode(_DECODED, errors="replace")
        object.__setattr__(self, "origins", origins)
        object.__setattr__(self, "blame", Blame(source.dockerfile, text, config.build_args, config.target))

    def of_container(self, path: str) -> str | None:
        """The project's file that a path within the container shows, None for one that is none of it."""
        config = self.source.config
        if path.startswith("<"):
            return None
        workdir = self._workdir()
        place = posixpath.normpath(posixpath.join(workdir or "/", path))
        if any(place.startswith(f"{target}/") for target in config.tmpfs):
            return None
        for mount in sorted(config.volumes, key=lambda mount: len(mount.target), reverse=True):
            target = mount.target.rstrip("/")
            if place.startswith(f"{target}/"):
                if mount.kind != "bind":
                    return None
                return _within(config, mount.source + place[len(target) :])
        found = self.origins.path_of(place)
        if found is None and not workdir and not is_installed(place):
            # The base image tells where relative COPYs go: the longest end of the path that is there.
            parts = place.split("/")[2:]
            ends = ("/" + "/".join(parts[start:]) for start in range(len(parts)))
            found = next((hit for end in ends if (hit := self.origins.path_of(end)) is not None), None)
        return None if found is None else self.of_context(found)

    def _workdir(self) -> str:
        config = self.source.config
        try:
            return runtime(self.source.dockerfile, config.build_args, config.target).workdir
        except DockerfileError:
            return ""

    def of_context(self, path: str) -> str:
        """A path of the build context, relative to the project's folder."""
        config = self.source.config
        return posix(os.path.relpath(config.context / path, config.root))

    def dockerfile(self, line: Line, message: str) -> Problem:
        """A problem of the Dockerfile."""
        return Problem(
            file=posix(self.source.dockerfile.path),
            line=line.number,
            column=line.column,
            message=one_line(message),
        )

    def hit(self, found: Found) -> Problem:
        """A problem of the line that an exception belongs to."""
        column = found.frame.column(self.read(found.place))
        message = one_line(found.message)
        return Problem(file=found.place, line=found.frame.line, column=column, message=message)

    def setting(self, name: str, message: str) -> Problem | None:
        """A problem of a setting, None where it stands in no file."""
        config = self.source.config
        return _setting(config, name, message, self.read)


def _setting(config: Config, name: str, message: str, read: Read) -> Problem | None:
    file = config.sources.get(name, "")
    text = read(file) if file and settings_file(file) else None
    line = setting_line(text, file, name) if text is not None else 0
    return Problem(file=file, line=line, message=one_line(message)) if line else None


def _within(config: Config, path: str) -> str | None:
    """A path of this machine relative to the project's folder, None for one that lies elsewhere."""
    name = os.path.relpath(path, config.root)
    return None if name.startswith("..") or is_installed(name) else posix(name)


def one_line(text: str) -> str:
    """A message as lists show it."""
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return " ".join(shown.split())


def posix(path: str) -> str:
    """A path as events hold it: forward slashes, and what is no UTF-8 escaped."""
    return path.replace(os.sep, "/").encode("utf-8", "backslashreplace").decode("utf-8")
