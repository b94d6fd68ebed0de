"""What the COPYs of a stage leave at a path of the image, as far as the build context tells. Pure.

After moby/buildkit, frontend/dockerfile/dockerfile2llb (dispatchCopy), and tonistiigi/fsutil, copy.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile import BuildStep, ContextSource, Dockerfile
from devbox.build.dockerfile import expand as expand_word
from devbox.model import Entry, Kind, StagedPath

_OCTAL = re.compile(r"0*[0-7]{1,3}")
_OWNER = re.compile(r"[^:]+(?::[^:]+)?")
# A class that matches no '/', whatever the reader: Go's also match where a path is parted.
_CLASS = re.compile(r"\[(?:[A-Za-z0-9_]-[A-Za-z0-9_]|[A-Za-z0-9_.])+\]")
# Each changes where files go or what becomes of links.
_UNSTAGED_FLAGS = frozenset({"link", "parents", "exclude", "unpack", "checksum", "keep-git-dir"})
_PERMISSIONS = 0o777
_SHOWN = 60


class NotStaged(Exception):
    """Only a build can tell; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Context:
    """A build context as COPY sees it."""

    entries: Mapping[str, Entry]

    def roots(self, pattern: str) -> Mapping[str, bool]:
        """What a source's pattern names, in the order in which it is copied, and whether it is a folder."""
        if not pattern:
            return {"": True}
        source = ContextSource(pattern)
        if not source.is_wild:
            found: Iterable[str] = (pattern,) if pattern in self.entries else ()
        else:
            # Of one depth, so that parts in order are paths in the order of a walk.
            depth = pattern.count("/")
            named = (path for path in self.entries if path.count("/") == depth and source.matches(path))
            found = sorted(named, key=lambda path: path.split("/"))
        return {path: self.entries[path].kind is Kind.DIRECTORY for path in found}


@dataclass(frozen=True, slots=True)
class Written:
    """A COPY as its line has it: `patterns` go to `place`, files into it and not in its stead where `slash`
    says so, whatever is there. `mode` is that of --chmod."""

    shown: str
    patterns: tuple[str, ...]
    place: str
    slash: bool
    owner: str
    mode: int | None


@dataclass(frozen=True, slots=True)
class Copy:
    """What one source of a COPY copies out of one context: each root to `target`, or `inside` of it.

    WORKDIR is one too: of an empty folder.
    """

    context: Context
    roots: Mapping[str, bool]
    target: str
    inside: bool = False
    owner: str = ""
    mode: int | None = None

    def at(self, target: str) -> Iterator[StagedPath]:
        """What this puts at a path of the image, one after another.

        A folder without a source is one on the way, which is only made where there is none.
        """
        top = self.target.rstrip("/")
        on_the_way = f"{top}/".startswith(f"{target.rstrip('/')}/")
        below = target[len(top) + 1 :] if target.startswith(f"{top}/") else ""
        for root, is_folder in self.roots.items():
            if on_the_way and (is_folder or self.inside or target != self.target):
                yield StagedPath(target, Kind.DIRECTORY, "", 0o755, self.owner)
            elif is_folder:
                origin = f"{root}/{below}" if root else below
                if below and origin in self.context.entries:
                    yield self._staged(target, origin)
            elif target == self._place_of(root):
                yield self._staged(target, root)

    def targets(self, path: str) -> Iterator[str]:
        """Where this copies a path of the context to."""
        if path not in self.context.entries:
            return
        depth = next(iter(self.roots)).count("/")
        root = "/".join(path.split("/")[: depth + 1]) if "" not in self.roots else ""
        is_folder = self.roots.get(root)
        if is_folder and path != root:
            yield posixpath.join(self.target, path[len(root) + 1 if root else 0 :])
        elif is_folder is False and path == root:
            yield self._place_of(root)

    def _place_of(self, root: str) -> str:
        return posixpath.join(self.target, posixpath.basename(root)) if self.inside else self.target

    def _staged(self, target: str, origin: str) -> StagedPath:
        entry = self.context.entries[origin]
        mode = entry.mode
        if self.mode is not None and entry.kind is not Kind.SYMLINK:
            if mode > _PERMISSIONS:
                raise NotStaged(f"builders differ in what --chmod makes of {origin}, which has mode {mode:o}")
            mode = self.mode
        return StagedPath(target, entry.kind, origin, mode, self.owner)


def left_at(target: str, copies: Iterable[Copy]) -> StagedPath | None:
    """What the COPYs leave at a path; None where they leave alone what was there. Raises NotStaged where one
    would have to put a file in the place of a folder, or a folder in the place of a file."""
    left: StagedPath | None = None
    for copy in copies:
        for path in copy.at(target):
            if left is not None and (left.kind is Kind.DIRECTORY) != (path.kind is Kind.DIRECTORY):
                raise NotStaged(f"several COPYs write to {target}")
            if path.source or left is None:
                left = path
    return left


def shown(step: BuildStep) -> str:
    """An instruction as reasons name it."""
    text = step.instruction.text
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def read_copy(dockerfile: Dockerfile, step: BuildStep, *, workdir_known: bool) -> Written:
    """What a COPY says, or an ADD, where that copies; raises NotStaged for one that does more.

    With `workdir_known` the Dockerfile alone tells the working directory at the step.
    """
    instruction = step.instruction
    for flag in dict(instruction.flags):
        if flag in _UNSTAGED_FLAGS and (flag == "exclude" or instruction.has_flag(flag)):
            raise NotStaged(f"{shown(step)} is not staged: --{flag}")
    if len(step.sources) != len(instruction.arguments) - 1:
        raise NotStaged(f"{shown(step)} is not staged: it does not only copy from the build context")
    variables = Known(step)
    *sources, written, owner, mode = (
        expand_word(word, variables, dockerfile.escape)
        for word in (*instruction.arguments, instruction.flag("chown"), instruction.flag("chmod"))
    )
    if variables.missing:
        raise NotStaged(f"{shown(step)} is not staged: {variables.missing[0]} may come from the base image")
    if not (written.startswith("/") or workdir_known):
        raise NotStaged(f"{shown(step)} is not staged: the base image tells where it goes")
    if mode and not _OCTAL.fullmatch(mode):
        raise NotStaged(f"{shown(step)} is not staged: --chmod={mode}")
    if owner and not _OWNER.fullmatch(owner):
        raise NotStaged(f"{shown(step)} is not staged: --chown={owner}")
    # Builders differ in what they make of a class or an escape that is not plain.
    if any("[" in _CLASS.sub("", source) or "\\" in source for source in sources) or written.endswith("/."):
        raise NotStaged(f"{shown(step)} is not staged: builders read it differently")
    place = posixpath.normpath(posixpath.join("/", step.scope.workdir, written))
    return Written(
        shown(step),
        tuple(source.pattern for source in step.sources),
        "/" + place.lstrip("/"),
        written in ("", ".") or written.endswith("/") or len(step.sources) > 1,
        owner,
        int(mode, 8) if mode else None,
    )


class Known(Mapping[str, str]):
    """The variables at a step, noting which were asked for that the Dockerfile does not tell."""

    def __init__(self, step: BuildStep) -> None:
        self._variables = step.scope.variables
        self.missing: list[str] = []

    def __getitem__(self, name: str) -> str:
        value = self._variables.get(name, "${")
        # A platform variable that nobody gave stands for itself.
        if "${" in value:
            self.missing.append(name)
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
