"""What turns a container of the former image into one of the new image, or why only a build can. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from devbox.build.dockerfile import BuildStep, ContextSource, Dockerfile, Stage, build_steps, stage_closure
from devbox.build.dockerfile import expand as expand_word
from devbox.build.plan import expected_steps
from devbox.build.staging_copies import (
    Context,
    Copy,
    Known,
    NotStaged,
    Written,
    left_at,
    read_copy,
    shown,
)
from devbox.model import Cold, Entry, Kind, Snapshot, StagedPath, Staging

IsDirectory = Callable[[str], bool]
# Of the former image and of the new one.
Both = tuple[Context, Context]
Copies = Sequence[Copy]

_SCRATCH = "scratch"
_COPIES = frozenset({"COPY", "ADD"})
# The engine's own in every container, and what tells which number a user has.
_SPECIAL = re.compile(r"/(?:proc|sys|dev)/.*|/etc/(?:hosts|hostname|resolv\.conf|passwd|group)", re.DOTALL)


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
    if not changed:
        return Staging()
    if dockerfile.path in changed:
        return Cold("the Dockerfile changed")
    closure = stage_closure(dockerfile, target, build_args)
    contexts = Context(before.entries), Context(after.entries)
    try:
        _refuse_links([build_steps(dockerfile, one, build_args) for one in closure], contexts)
        expected = expected_steps(dockerfile, build_args, target, changed, None)
        if not expected:
            return Staging()
        tail, refused = _tail(dockerfile, closure[-1], build_args, contexts)
        for step, reason in expected:
            if step.stage != closure[-1].index or step.instruction.line in refused:
                told = refused.get(step.instruction.line)
                return Cold(told or f"{shown(step)} is run again: {reason}")
        laid = _laid(tail.values(), contexts, is_directory)
        return Staging(tuple(_differences(changed, laid)))
    except NotStaged as error:
        return Cold(str(error))


def survey(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of which `stage` may ask whether they are directories, and the owners it may name."""
    asked: dict[str, None] = {}
    owners: dict[str, None] = {}
    last = stage_closure(dockerfile, target, build_args)[-1]
    for step, workdir_known in _steps(dockerfile, last, build_args):
        if step.instruction.keyword not in _COPIES:
            continue
        try:
            written = read_copy(dockerfile, step, workdir_known=workdir_known)
        except NotStaged:
            continue
        if not written.slash:
            asked[written.place] = None
        if written.owner:
            owners[written.owner] = None
    return tuple(asked), tuple(owners)


def _changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[str]:
    others = [path for path, entry in after.items() if before.get(path) is not entry]
    yield from (path for path in others if before.get(path) != after[path])
    yield from (path for path in before if path not in after)


def _refuse_links(stages: Iterable[Iterable[BuildStep]], contexts: Both) -> None:
    """A source that is a link, or is reached through one, holds what the link's path does not tell."""
    sources = [(step, source) for steps in stages for step in steps for source in step.sources]
    for context in contexts:
        links = [path for path, entry in context.entries.items() if entry.kind is Kind.SYMLINK]
        for path in links:
            for step, source in sources:
                if source.leads_through(path):
                    raise NotStaged(f"{shown(step)} is not staged: {path} is a link")


def _steps(
    dockerfile: Dockerfile, one: Stage, build_args: Mapping[str, str]
) -> Iterator[tuple[BuildStep, bool]]:
    """The steps of a stage, and whether the Dockerfile alone tells the working directory of each."""
    known = False
    for step in build_steps(dockerfile, one, build_args):
        if step.instruction.keyword == "FROM":
            known = step.inputs[0] == _SCRATCH
            for origin in step.origins:
                *_, (_, known) = _steps(dockerfile, dockerfile.stages[origin], build_args)
        elif step.instruction.keyword == "WORKDIR":
            variables = Known(step)
            written = expand_word(step.instruction.arguments[0], variables, dockerfile.escape)
            known = not variables.missing and (known or written.startswith("/"))
        yield step, known


def _tail(
    dockerfile: Dockerfile, one: Stage, build_args: Mapping[str, str], contexts: Both
) -> tuple[Mapping[int, Written], Mapping[int, str]]:
    """The last steps of a stage, by line, from behind the last one that does more than copy from the build
    context; and the steps that do, with the reason of a COPY.
    """
    tail: dict[int, Written] = {}
    refused: dict[int, str] = {}
    for step, workdir_known in _steps(dockerfile, one, build_args):
        line, keyword = step.instruction.line, step.instruction.keyword
        try:
            if keyword == "WORKDIR":
                if workdir_known:
                    tail[line] = Written(shown(step), (), str(step.inputs[0]), True, "", None)
            elif keyword in _COPIES and not step.instruction.flag("from"):
                tail[line] = read_copy(dockerfile, step, workdir_known=workdir_known)
                if keyword == "ADD":
                    _refuse_files(tail[line], contexts)
            else:
                tail.clear()
                refused[line] = ""
        except NotStaged as error:
            tail.clear()
            refused[line] = str(error)
    return tail, refused


def _refuse_files(written: Written, contexts: Both) -> None:
    # Whether a file is an archive is told by its content alone.
    if not all(all(one.roots(pattern).values()) for one in contexts for pattern in written.patterns):
        raise NotStaged(f"{written.shown} is not staged: it may unpack what it copies")


def _laid(steps: Iterable[Written], contexts: Both, is_directory: IsDirectory) -> tuple[Copies, Copies]:
    """What the steps copy out of either context."""
    laid: tuple[list[Copy], list[Copy]] = [], []
    for written in steps:
        if not written.patterns:
            for copies in laid:
                copies.append(Copy(Context({}), {"": True}, written.place))
        for pattern in written.patterns:
            roots = _roots(written, pattern, contexts)
            if not any(roots):
                continue
            _refuse_leading_elsewhere(written, laid)
            inside = written.slash or _is_folder(written, roots, laid, is_directory)
            for copies, context, found in zip(laid, contexts, roots, strict=True):
                copies.append(Copy(context, found, written.place, inside, written.owner, written.mode))
    return laid


def _roots(written: Written, pattern: str, contexts: Both) -> tuple[Mapping[str, bool], Mapping[str, bool]]:
    """What a pattern names in either context: something in both, or nothing in both."""
    roots = contexts[0].roots(pattern), contexts[1].roots(pattern)
    if ContextSource(pattern).is_wild:
        if bool(roots[0]) != bool(roots[1]):
            raise NotStaged(f"{written.shown} is not staged: its pattern names something in one image only")
    elif not all(roots):
        raise NotStaged(f"{written.shown} is not staged: {pattern} is not in the build context")
    elif roots[0] != roots[1]:
        raise NotStaged(f"{written.shown} is not staged: {pattern} became something else")
    return roots


def _refuse_leading_elsewhere(written: Written, laid: tuple[Copies, Copies]) -> None:
    """Where a place leads through a link that was copied, that link may have changed."""
    parts = written.place.split("/")
    for copies in laid:
        for end in range(2, len(parts) + 1):
            left = left_at("/".join(parts[:end]), copies)
            if left is not None and left.kind is Kind.SYMLINK:
                raise NotStaged(f"{written.shown} is not staged: {left.target} is a link")


def _is_folder(
    written: Written,
    roots: tuple[Mapping[str, bool], Mapping[str, bool]],
    laid: tuple[Copies, Copies],
    is_directory: IsDirectory,
) -> bool:
    """Whether a file goes into the place and does not become it."""
    kinds = {is_folder for found in roots for is_folder in found.values()}
    if kinds == {True}:
        return True
    left = [left_at(written.place, copies) for copies in laid]
    folders = {path is not None and path.kind is Kind.DIRECTORY for path in left}
    if folders == {True}:
        return True
    # What comes first out of a pattern decides what becomes of the rest.
    if len(folders) > 1 or len(kinds) > 1:
        raise NotStaged(f"{written.shown} is not staged: its target may be a file or a folder")
    if is_directory(written.place):
        return True
    if any(len(found) > 1 for found in roots):
        raise NotStaged(f"{written.shown} is not staged: several files have one target")
    return False


def _differences(changed: Sequence[str], laid: tuple[Copies, Copies]) -> Iterator[StagedPath]:
    """Removals first, then what is there, folders before what lies in them."""
    paths = tuple(changed)
    touched = {
        target for copies in laid for copy in copies for path in paths for target in copy.targets(path)
    }
    found = [
        (left_at(target, laid[0]), left_at(target, laid[1]))
        for target in sorted(touched, key=lambda target: target.split("/"))
    ]
    removed = ""
    for former, final in found:
        _refuse_unknown(former, final)
        if former is None or (final is not None and final.kind is former.kind):
            continue
        if not (removed and former.target.startswith(f"{removed}/")):
            removed = former.target
            yield StagedPath(former.target, None)
    for _, final in found:
        if final is not None and final.source:
            yield final


def _refuse_unknown(former: StagedPath | None, final: StagedPath | None) -> None:
    for path in (former, final):
        if path is not None and _SPECIAL.fullmatch(path.target):
            raise NotStaged(f"{path.target} is not like other files")
    if former is not None and final is not None and former.kind is final.kind and final.source:
        return
    # A folder that is only on the way to others has the owner and mode of whatever made it first.
    for path in (former, final):
        if path is not None and not path.source:
            raise NotStaged(f"{path.target} is a folder whose owner only the build knows")
