"""What turns a container of the former image into one of the new image, or why only a build can. Pure.

After moby/buildkit, frontend/dockerfile/dockerfile2llb (dispatchCopy), and tonistiigi/fsutil, copy.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile import BuildStep, Dockerfile, build_steps, stage_closure
from devbox.build.dockerfile import expand as expand_word
from devbox.build.plan import expected_steps
from devbox.model import Cold, Entry, Kind, Snapshot, StagedPath, Staging

IsDirectory = Callable[[str], bool]

_OCTAL = re.compile(r"[0-7]{3,4}")
_WILD = re.compile(r"[*?\[\\]")
# Each changes where files go or what becomes of links.
_UNSTAGED_FLAGS = ("link", "parents", "exclude")
_SHOWN = 60


class _NotStaged(Exception):
    """Only a build can tell; the message is the reason."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """One source of a COPY: what matches `pattern` ('' for the whole context) goes to `target`.

    `inside` says that a file goes into `target` and does not become it. `mode` is that of --chmod.
    """

    pattern: str
    target: str
    inside: bool
    owner: str
    mode: int | None

    def origins(self, target: str, context: _Context) -> Iterator[tuple[str, bool]]:
        """The paths of the context that this copies to `target`, and whether each is the copied folder
        itself, of which only the content is copied."""
        for root in context.roots(self.pattern):
            if context.is_directory(root):
                if target == self.target:
                    yield root, True
                elif target.startswith(f"{self.target.rstrip('/')}/"):
                    rest = target[len(self.target.rstrip("/")) + 1 :]
                    yield (f"{root}/{rest}" if root else rest), False
            elif target == self.file_target(root):
                yield root, False

    def targets(self, path: str, context: _Context) -> Iterator[str]:
        """Where this copies a path of the context to."""
        for root in context.roots(self.pattern):
            if root == path and not context.is_directory(root):
                yield self.file_target(root)
            elif not root or path.startswith(f"{root}/"):
                yield posixpath.join(self.target, path[len(root) + 1 if root else 0 :])

    def file_target(self, root: str) -> str:
        return posixpath.join(self.target, posixpath.basename(root)) if self.inside else self.target


@dataclass(frozen=True, slots=True)
class _Context:
    """A build context as COPY sees it."""

    entries: Mapping[str, Entry]

    def is_directory(self, path: str) -> bool:
        return not path or self.entries[path].kind is Kind.DIRECTORY

    def roots(self, pattern: str) -> tuple[str, ...]:
        """What a source's pattern names."""
        if not pattern:
            return ("",)
        return (pattern,) if pattern in self.entries else ()


def stage(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    before: Snapshot,
    after: Snapshot,
    *,
    is_directory: IsDirectory,
) -> Staging | Cold:
    """What makes a container of the image built from `before` equal one of the image built from `after`, with
    the same Dockerfile: path, content, mode, owner and link target.

    `is_directory` tells of an absolute path in that container. What is removed may turn out to have been in a
    layer below: whoever applies this looks whether the new image has it. Raises DockerfileError as
    stage_closure does.
    """
    changed = tuple(_changed(before.entries, after.entries))
    expected = expected_steps(dockerfile, build_args, target, changed, None)
    if not expected:
        return Staging()
    last = stage_closure(dockerfile, target, build_args)[-1]
    for step, reason in expected:
        if step.stage != last.index or not _is_plain(step):
            return Cold(f"{step.instruction.text[:_SHOWN]} is run again: {reason}")
    try:
        copies = tuple(
            copy
            for step in build_steps(dockerfile, last, build_args)
            if step.instruction.keyword in {"COPY", "ADD"} and not step.instruction.flag("from")
            for copy in _copies(dockerfile, step, is_directory)
        )
        return Staging(tuple(_staged(copies, changed, _Context(before.entries), _Context(after.entries))))
    except _NotStaged as error:
        return Cold(str(error))


def survey(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of which `stage` may ask whether they are directories, and the owners it may name."""
    asked: dict[str, None] = {}
    owners: dict[str, None] = {}

    def ask(path: str) -> bool:
        asked[path] = None
        return False

    last = stage_closure(dockerfile, target, build_args)[-1]
    for step in build_steps(dockerfile, last, build_args):
        if step.instruction.keyword == "COPY" and not step.instruction.flag("from"):
            try:
                owners.update((copy.owner, None) for copy in _copies(dockerfile, step, ask) if copy.owner)
            except _NotStaged:
                continue
    return tuple(asked), tuple(owners)


def _changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[str]:
    for path, entry in after.items():
        known = before.get(path)
        if known is not entry and known != entry:
            yield path
    yield from (path for path in before if path not in after)


def _is_plain(step: BuildStep) -> bool:
    keyword = step.instruction.keyword
    return keyword == "WORKDIR" or (keyword == "COPY" and not step.instruction.flag("from"))


def _copies(dockerfile: Dockerfile, step: BuildStep, is_directory: IsDirectory) -> tuple[_Copy, ...]:
    """What one instruction copies, source by source."""
    instruction = step.instruction
    shown = instruction.text[:_SHOWN]
    if instruction.keyword != "COPY" or instruction.heredocs:
        raise _NotStaged(f"{shown} is not staged: it may do more than copy")
    for flag in _UNSTAGED_FLAGS:
        if instruction.has_flag(flag):
            raise _NotStaged(f"{shown} is not staged: --{flag}")

    def expanded(word: str) -> str:
        return expand_word(word, step.scope.variables, dockerfile.escape)

    written = expanded(instruction.arguments[-1])
    if not (written.startswith("/") or step.scope.workdir):
        raise _NotStaged(f"{shown} is not staged: the base image tells where it goes")
    place = posixpath.normpath(posixpath.join("/", step.scope.workdir, written))
    place = "/" + place.lstrip("/")
    mode = expanded(instruction.flag("chmod"))
    if mode and not _OCTAL.fullmatch(mode):
        raise _NotStaged(f"{shown} is not staged: --chmod={mode}")
    if any("$" in source.pattern or _WILD.search(source.pattern) for source in step.sources):
        raise _NotStaged(f"{shown} is not staged: its sources are a pattern")
    inside = written.endswith(("/", "/.")) or written == "." or len(step.sources) > 1
    return tuple(
        _Copy(
            source.pattern,
            place,
            inside or (bool(source.pattern) and is_directory(place)),
            expanded(instruction.flag("chown")),
            int(mode, 8) if mode else None,
        )
        for source in step.sources
    )


def _staged(
    copies: tuple[_Copy, ...], changed: tuple[str, ...], before: _Context, after: _Context
) -> Iterator[StagedPath]:
    """Removals first, then what is there, folders before what lies in them."""
    for copy in copies:
        _refuse_other_kind(copy, before, after)
    touched = {
        target
        for copy in copies
        for context in (before, after)
        for path in changed
        for target in copy.targets(path, context)
    }
    final = {target: _final(target, copies, after) for target in sorted(touched)}
    former = {target: _final(target, copies, before) for target in final}
    gone = {
        target
        for target, path in final.items()
        if former[target] is not None and (path is None or path.kind is not _kind(former[target]))
    }
    for target in sorted(gone):
        if not any(_lies_below(target, other) for other in gone):
            yield StagedPath(target, None)
    yield from (path for path in final.values() if path is not None)


def _kind(path: StagedPath | None) -> Kind | None:
    return path.kind if path else None


def _lies_below(target: str, other: str) -> bool:
    return target.startswith(f"{other}/")


def _refuse_other_kind(copy: _Copy, before: _Context, after: _Context) -> None:
    """A named source must stay what it is, and be no link: the builder follows those."""
    kinds = [_root_kind(copy.pattern, context) for context in (before, after)]
    if kinds[0] is not kinds[1] or Kind.SYMLINK in kinds:
        raise _NotStaged(f"{copy.pattern} is a link, or became something else")


def _root_kind(pattern: str, context: _Context) -> Kind | None:
    if not pattern:
        return Kind.DIRECTORY
    entry = context.entries.get(pattern)
    return entry.kind if entry else None


def _final(target: str, copies: tuple[_Copy, ...], context: _Context) -> StagedPath | None:
    """What the COPYs leave at a target; None where they leave nothing."""
    found: StagedPath | None = None
    for copy in copies:
        for origin, itself in copy.origins(target, context):
            entry = context.entries.get(origin)
            if itself or entry is None:
                continue
            if found is not None and (found.kind is Kind.DIRECTORY) != (entry.kind is Kind.DIRECTORY):
                raise _NotStaged(f"several COPYs write to {target}")
            mode = entry.mode if copy.mode is None else copy.mode
            found = StagedPath(target, entry.kind, origin, mode, copy.owner)
    return found
