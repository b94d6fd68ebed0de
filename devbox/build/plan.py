"""Why a build starts and which steps it is expected to run again. Pure: no clock, no I/O.

An expectation only: what a base image brings along and what a link in the context points at is not in the
Dockerfile. What really ran is in the builder's trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from devbox.build.dockerfile import (
    BuildStep,
    ContextSource,
    Dockerfile,
    Stage,
    build_steps,
    stage_closure,
)
from devbox.model import ChangeSet, Plan

# The index of a stage and the first line of an instruction.
StepKey = tuple[int, int]

_FIRST = "first build"
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


@dataclass(frozen=True, slots=True)
class Previous:
    """What the build before this one was made from."""

    dockerfile: Dockerfile
    build_args: Mapping[str, str] = field(default_factory=dict)


def make_plan(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    changes: ChangeSet | None,
    previous: Previous | None = None,
    *,
    cause: str = "",
    lines: Mapping[str, str] | None = None,
) -> Plan:
    """The plan of a build; without changes and without a previous build it is the first one.

    `cause` overrides the words found for it, and is the reason of a first build's steps. `lines` tells of
    changed paths which lines differ; a RUN that such a path makes run again has that for its reason.
    `reasons` has an instruction under its text in the Dockerfile and, where that differs, under the text that
    BuildKit's trace shows; of two equal texts the earlier one counts. Raises DockerfileError as
    stage_closure does.
    """
    if changes is None and previous is None:
        closure = stage_closure(dockerfile, target, build_args)
        steps = [
            step for stage in closure for step in build_steps(dockerfile, stage, build_args) if step.index
        ]
        return Plan(cause or _FIRST, _by_text((step, cause or _FIRST) for step in steps))
    paths = changes.paths if changes else ()
    expected = _expected(dockerfile, build_args, target, paths, previous)
    told = ((rerun.step, _line_reason(rerun, lines or {}) or rerun.reason) for rerun in expected)
    return Plan(cause or _cause(dockerfile, build_args, paths, previous), _by_text(told))


def before_runs(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str
) -> tuple[ContextSource, ...]:
    """What is read from the build context by each RUN and by the steps that a RUN builds upon."""
    found: list[ContextSource] = []
    *others, last = stage_closure(dockerfile, target, build_args)
    for stage in (*others, last):
        steps = build_steps(dockerfile, stage, build_args)
        runs = [position for position, step in enumerate(steps) if step.instruction.keyword == "RUN"]
        end = len(steps) if stage is not last else runs[-1] + 1 if runs else 0
        found += [source for step in steps[:end] for source in step.sources]
    return tuple(found)


def rerun_reasons(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    changed_paths: Iterable[str],
    previous: Previous | None = None,
) -> Mapping[StepKey, str]:
    """Each step expected to run again, and why; raises DockerfileError as stage_closure does."""
    expected = expected_steps(dockerfile, build_args, target, changed_paths, previous)
    return {_key(step): reason for step, reason in expected}


def affects(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str, changed_paths: Iterable[str]
) -> frozenset[StepKey]:
    """The steps that a change of these paths makes run again."""
    return frozenset(rerun_reasons(dockerfile, build_args, target, changed_paths))


def earliest_affected(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str, changed_paths: Iterable[str]
) -> int | None:
    """The index within `dockerfile.instructions` of the first step that a change of these paths makes run
    again, None where it makes none."""
    lines = {line for _, line in affects(dockerfile, build_args, target, changed_paths)}
    numbered = enumerate(dockerfile.instructions)
    return next((index for index, instruction in numbered if instruction.line in lines), None)


def source_only(
    dockerfile: Dockerfile, build_args: Mapping[str, str], target: str, changed_paths: Iterable[str]
) -> bool:
    """Whether a change of these paths makes nothing run again but COPY and ADD from the build context in the
    target's own stage, and WORKDIRs behind them.

    False where nothing runs again, and where ADD would unpack a changed archive.
    """
    paths = tuple(changed_paths)
    expected = expected_steps(dockerfile, build_args, target, paths, None)
    if not expected:
        return False
    last = stage_closure(dockerfile, target, build_args)[-1]
    return all(step.stage == last.index and _only_copies(step, paths) for step, _ in expected)


def _only_copies(step: BuildStep, paths: Sequence[str]) -> bool:
    match step.instruction.keyword:
        case "WORKDIR":
            return True
        case "COPY":
            return not step.instruction.flag("from")
        case "ADD":
            return not any(path.lower().endswith(_ARCHIVES) for path in _read_by(step, paths))
    return False


@dataclass(frozen=True, slots=True)
class _Rerun:
    """A step expected to run again, and the changed files with which that begins, in it or before it."""

    step: BuildStep
    reason: str
    files: tuple[str, ...]


def expected_steps(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    changed_paths: Iterable[str],
    previous: Previous | None,
) -> list[tuple[BuildStep, str]]:
    """Each step expected to run again, and why; raises DockerfileError as stage_closure does."""
    found = _expected(dockerfile, build_args, target, tuple(changed_paths), previous)
    return [(rerun.step, rerun.reason) for rerun in found]


def _expected(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    paths: Sequence[str],
    previous: Previous | None,
) -> list[_Rerun]:
    found: list[_Rerun] = []
    # Per stage the step with which running again begins, and what each of these steps read that changed.
    roots: dict[int, BuildStep] = {}
    files: dict[StepKey, tuple[str, ...]] = {}
    for stage in stage_closure(dockerfile, target, build_args):
        old = _steps_before(previous, stage) if previous else None
        root: BuildStep | None = None
        for position, step in enumerate(build_steps(dockerfile, stage, build_args)):
            read = _read_by(step, paths)
            reason = f"{_listed(read)} changed" if read else ""
            if not reason and old is not None:
                reason = _difference(old, position, step)
            if not reason:
                origin = root or next((roots[index] for index in step.origins if index in roots), None)
                if origin is None:
                    continue
                reason = _follows(dockerfile, origin, stage)
                read = files[_key(origin)]
            if step.index:
                found.append(_Rerun(step, reason, read))
            if root is None:
                from_base = step.instruction.keyword == "FROM" and step.origins and step.origins[0] in roots
                root = roots[step.origins[0]] if from_base else step
                files.setdefault(_key(root), read)
        if root:
            roots[stage.index] = root
    return found


def _key(step: BuildStep) -> StepKey:
    return step.stage, step.instruction.line


def _line_reason(rerun: _Rerun, lines: Mapping[str, str]) -> str:
    """Which lines made a RUN run again, '' where that is not known."""
    if rerun.step.instruction.keyword != "RUN":
        return ""
    told = next((lines[path] for path in rerun.files if lines.get(path)), "")
    return f"{told}; {len(rerun.files) - 1} more changed" if told and len(rerun.files) > 1 else told


def _read_by(step: BuildStep, paths: Sequence[str]) -> tuple[str, ...]:
    return _deepest(path for path in paths if any(source.matches(path) for source in step.sources))


def _follows(dockerfile: Dockerfile, root: BuildStep, stage: Stage) -> str:
    elsewhere = f" in {dockerfile.stages[root.stage].label}" if root.stage != stage.index else ""
    return f"follows {root.instruction.text}{elsewhere}"


def _steps_before(previous: Previous, stage: Stage) -> tuple[BuildStep, ...]:
    """The steps that a stage had: the stage of that name, or else at that place."""
    stages = previous.dockerfile.stages
    named = [one for one in stages if one.name and one.name == stage.name]
    there = (named or list(stages[stage.index : stage.index + 1]))[-1:]
    return build_steps(previous.dockerfile, there[0], previous.build_args) if there else ()


def _difference(old: tuple[BuildStep, ...], position: int, step: BuildStep) -> str:
    if position >= len(old):
        return "the instruction is new"
    other = old[position]
    if _written(other) != _written(step):
        return "the instruction changed"
    if other.inputs == step.inputs:
        return ""
    mine, theirs = step.scope.variables, other.scope.variables
    names = [name for name in dict.fromkeys((*mine, *theirs)) if mine.get(name) != theirs.get(name)]
    settings = {"WORKDIR": "workdir", "USER": "user", "SHELL": "shell"}
    names += [
        name
        for name, attribute in settings.items()
        if getattr(step.scope, attribute) != getattr(other.scope, attribute)
    ]
    return f"{_listed(names)} changed" if names else "the instruction changed"


def _written(step: BuildStep) -> tuple[object, ...]:
    instruction = step.instruction
    # What a stage is called changes nothing in it.
    arguments = instruction.arguments[:1] if instruction.keyword == "FROM" else instruction.arguments
    return (
        instruction.keyword,
        instruction.flags,
        arguments,
        instruction.json,
        instruction.heredocs,
    )


def _cause(
    dockerfile: Dockerfile, build_args: Mapping[str, str], paths: Sequence[str], previous: Previous | None
) -> str:
    files = _deepest(paths)
    if dockerfile.path in files or (previous is not None and previous.dockerfile != dockerfile):
        files = (dockerfile.path, *(path for path in files if path != dockerfile.path))
    if files:
        return _listed(files)
    if previous is not None and dict(previous.build_args) != dict(build_args):
        return "settings changed"
    return "nothing changed"


def _deepest(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths without the folders of other paths among them: a new file brings its new folder along."""
    kept = tuple(paths)
    folders = {path[:end] for path in kept for end, character in enumerate(path) if character == "/"}
    return tuple(path for path in kept if path not in folders)


def _listed(names: Sequence[str]) -> str:
    # Names may hold line ends and bytes that are no text; a cause is one line that can be printed.
    first = "".join(character if character.isprintable() else "�" for character in names[0])
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _by_text(expected: Iterable[tuple[BuildStep, str]]) -> Mapping[str, str]:
    reasons: dict[str, str] = {}
    for step, reason in expected:
        reasons.setdefault(step.instruction.text, reason)
        reasons.setdefault(step.name, reason)
    return reasons
