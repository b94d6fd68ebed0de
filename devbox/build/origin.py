"""Which file of the build context a file of the image comes from, as its Dockerfile's COPYs tell. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile import BuildStep, Dockerfile, Stage, build_steps, resolve_stage
from devbox.build.dockerfile import expand as expand_word
from devbox.build.staging_copies import Context
from devbox.errors import DockerfileError
from devbox.model import Entry, Kind

_COPIES = frozenset({"COPY", "ADD"})
_INSTALLED = ("site-packages", "dist-packages", "node_modules")


def is_installed(path: str) -> bool:
    """Whether a path lies where package managers put what others wrote."""
    return any(part in _INSTALLED for part in path.split("/"))


@dataclass(frozen=True, slots=True)
class Origins:
    """The files of one target's image, traced back to the build context that it was built from."""

    dockerfile: Dockerfile
    build_args: Mapping[str, str]
    target: str
    entries: Mapping[str, Entry]

    def path_of(self, place: str) -> str | None:
        """The path within the build context of an absolute path within the container, None for a file that
        no COPY brought, or that package managers installed."""
        if is_installed(place):
            return None
        try:
            stage = resolve_stage(self.dockerfile, self.target)
            return self._in_stage(stage, posixpath.normpath(place))
        except DockerfileError:
            return None

    def roots(self) -> tuple[tuple[str, str], ...]:
        """The folders that COPYs bring into the target's image, as (path in the image, path in the context),
        the last one first."""
        try:
            stage = resolve_stage(self.dockerfile, self.target)
            return tuple(dict.fromkeys(self._roots(stage)))
        except DockerfileError:
            return ()

    def _roots(self, stage: Stage) -> Iterator[tuple[str, str]]:
        for step in reversed(build_steps(self.dockerfile, stage, self.build_args)):
            if step.instruction.keyword == "FROM":
                for origin in step.origins:
                    yield from self._roots(self.dockerfile.stages[origin])
            elif step.instruction.keyword in _COPIES and not step.instruction.flag("from"):
                place, into = self._target(step)
                for root, is_folder in self._copied(step):
                    if is_folder:
                        yield place, root
                    elif into:
                        yield place, posixpath.dirname(root)

    def _in_stage(self, stage: Stage, place: str) -> str | None:
        for step in reversed(build_steps(self.dockerfile, stage, self.build_args)):
            if step.instruction.keyword == "FROM":
                origins = (self.dockerfile.stages[origin] for origin in step.origins)
                return next((self._in_stage(origin, place) for origin in origins), None)
            if step.instruction.keyword not in _COPIES:
                continue
            find = self._from_stage if step.instruction.flag("from") else self._from_context
            found = find(step, place)
            if found is not None:
                return found
        return None

    def _from_context(self, step: BuildStep, place: str) -> str | None:
        top, into = self._target(step)
        below = _below(place, top)
        if below is None:
            return None
        if step.instruction.has_flag("parents"):
            named = any(source.matches(below) for source in step.sources)
            return below if named and self._is_file(below) else None
        for root, is_folder in self._copied(step):
            if is_folder:
                candidate = posixpath.join(root, below)
            elif below == (posixpath.basename(root) if into else ""):
                candidate = root
            else:
                continue
            if self._is_file(candidate):
                return candidate
        return None

    def _from_stage(self, step: BuildStep, place: str) -> str | None:
        top, _ = self._target(step)
        below = _below(place, top)
        if below is None:
            return None
        for origin in step.origins:
            stage = self.dockerfile.stages[origin]
            for word in step.instruction.arguments[:-1]:
                source = posixpath.normpath("/" + self._expanded(step, word).lstrip("/"))
                # A folder's content, or a file under its own name.
                for candidate in (posixpath.join(source, below), source):
                    if candidate == source and posixpath.basename(source) != posixpath.basename(place):
                        continue
                    found = self._in_stage(stage, candidate)
                    if found is not None:
                        return found
        return None

    def _copied(self, step: BuildStep) -> Iterator[tuple[str, bool]]:
        for source in step.sources:
            yield from Context(self.entries).roots(source.pattern).items()

    def _target(self, step: BuildStep) -> tuple[str, bool]:
        """Where a COPY puts things, and whether files keep their names there."""
        written = self._expanded(step, step.instruction.arguments[-1])
        place = posixpath.normpath(posixpath.join("/", step.scope.workdir, written))
        into = written in ("", ".", "./") or written.endswith(("/", "/.")) or len(step.sources) > 1
        files = [root for root, is_folder in self._copied(step) if not is_folder]
        # A folder that is there already, such as the working directory.
        return "/" + place.lstrip("/"), into or len(files) > 1 or place == step.scope.workdir

    def _expanded(self, step: BuildStep, word: str) -> str:
        return expand_word(word, step.scope.variables, self.dockerfile.escape)

    def _is_file(self, path: str) -> bool:
        entry = self.entries.get(path)
        return entry is not None and entry.kind is Kind.FILE and not is_installed(path)


def _below(place: str, top: str) -> str | None:
    """The part of a path below a folder: '' for the folder itself, None where it lies elsewhere."""
    if place == top:
        return ""
    prefix = top.rstrip("/") + "/"
    return place[len(prefix) :] if place.startswith(prefix) else None
