"""Which files of the build context an instruction reads."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from devbox.build.dockerfile._heredocs import read_opening
from devbox.build.dockerfile._mounts import read_mount
from devbox.build.dockerfile._patterns import name_matches, path_matches
from devbox.build.dockerfile._scope import PLATFORM_ARGS
from devbox.build.dockerfile._shell import expand
from devbox.build.dockerfile._values import Instruction

_REMOTE = re.compile(r"(?:https?|git|ssh)://|[\w.-]+@[\w.-]+:", re.ASCII)
_WILD = re.compile(r"[*?\[]")
_UNKNOWN_PLATFORM = re.compile(r"\$\{(?:" + "|".join(sorted(PLATFORM_ARGS, reverse=True)) + r")\}")


@dataclass(frozen=True, slots=True)
class ContextSource:
    """One source of COPY, ADD or a bind mount: `pattern` is relative to the context, '' for all of it;
    with `deep` (COPY --parents) a `**` in it spans folders."""

    pattern: str
    excludes: tuple[str, ...] = ()
    deep: bool = False

    def matches(self, path: str) -> bool:
        """Whether a change of this path (relative, '/' between parts) may change what is read.

        True as well for a folder above the source. A source reached through a symbolic link of the context
        is not seen, as the Dockerfile does not tell.
        """
        if not self.pattern:
            return not self._excluded(path)
        if self.deep:
            return path_matches(self.pattern, path) and not self._excluded(path)
        patterns, names = self.pattern.split("/"), path.split("/")
        if not all(name_matches(pattern, name) for pattern, name in zip(patterns, names, strict=False)):
            return False
        inside = "/".join(names[len(patterns) :]) or names[-1]
        return len(names) < len(patterns) or not self._excluded(inside)

    @property
    def is_wild(self) -> bool:
        """Whether it may name any number of paths."""
        return _WILD.search(self.pattern) is not None

    def leads_through(self, path: str) -> bool:
        """Whether the source is this path, or lies below it: where that is a link, it is not what its own
        path tells."""
        return bool(self.pattern) and path.count("/") <= self.pattern.count("/") and self.matches(path)

    def _excluded(self, path: str) -> bool:
        return any(path_matches(pattern, path) for pattern in self.excludes)


def context_sources(
    instruction: Instruction, variables: Mapping[str, str] | None = None, escape: str = "\\"
) -> tuple[ContextSource, ...]:
    """What an instruction reads from the build context: the local sources of COPY and ADD, and those of
    RUN --mount=type=bind without a from; nothing for any other instruction.

    `variables` are those that hold at the instruction; an unset one is empty, an unknown platform variable
    matches anything. Raises DockerfileError (without a place) for a substitution that cannot be meant.
    """
    known = variables or {}

    def expanded(word: str) -> str:
        return _UNKNOWN_PLATFORM.sub("*", expand(word, known, escape))

    if instruction.keyword == "RUN":
        mounts = (read_mount(value, expanded) for value in instruction.flag_values("mount"))
        return tuple(
            ContextSource(_normal(mount.source))
            for mount in mounts
            if mount.kind == "bind" and not mount.origin
        )
    if instruction.keyword not in {"COPY", "ADD"} or instruction.flag("from"):
        return ()
    excludes = tuple(expanded(pattern) for pattern in instruction.flag_values("exclude"))
    deep = instruction.has_flag("parents")
    written = instruction.arguments[:-1]
    if instruction.heredocs:
        written = tuple(word for word in written if read_opening(word) is None)
    sources = (expanded(word) for word in written)
    return tuple(
        ContextSource(_normal(source), excludes, deep)
        for source in sources
        if instruction.keyword == "COPY" or not _REMOTE.match(source)
    )


def _normal(source: str) -> str:
    # The context is the root: what climbs out of it with .. ends there.
    return posixpath.normpath("/" + source).lstrip("/")
