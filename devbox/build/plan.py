"""Why a build starts and which steps it is expected to run again. Pure: no clock, no I/O.

An expectation only: what a base image brings along and what a link in the context points at is not in the
Dockerfile. What really ran is in the builder's trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from devbox.build.difference import Differences, Previous
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
_IGNORE_FILE = ".dockerignore"
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


def make_plan(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    changes: ChangeSet | None,
    previous: Previous | None = None,
    *,
    cause: str = "",
    lines: Mapping[str, str] | None = None,
    written: Mapping[str, str] | None = None,
) -> Plan:
    """The plan of a build; without changes and without a previous build it is the first one.

    `cause` overrides the words found for it, and is the reason of a first build's steps. `lines` tells of
    changed paths which lines differ; a RUN that such a path makes run again has that for its reason.
    `written` tells of build arguments where they stand.
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
    differences = Differences(dockerfile, build_args, previous, written or {}) if previous else None
    reading = _Reading.of(changes, lines or {}) if changes else _Reading()
    expected = _expected(dockerfile, build_args, target, paths, differences, reading)
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


def is_ignore_file(path: str) -> bool:
    """Whether a path of the context is that of a file that may tell what is left out of it."""
    return path == _IGNORE_FILE or (path.endswith(_IGNORE_FILE) and not path.endswith(f"/{_IGNORE_FILE}"))


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
    differences = Differences(dockerfile, build_args, previous) if previous else None
    found = _expected(dockerfile, build_args, target, tuple(changed_paths), differences, _Reading())
    return [(rerun.step, rerun.reason) for rerun in found]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How paths of the context changed: `how` of those that came or went, `ignoring` what differs in the
    ignore file."""

    how: Mapping[str, str] = field(default_factory=dict)
    ignoring: str = ""

    @classmethod
    def of(cls, changes: ChangeSet, lines: Mapping[str, str]) -> _Reading:
        how = {**dict.fromkeys(changes.added, "added"), **dict.fromkeys(changes.removed, "removed")}
        ignore = next((path for path in changes.paths if is_ignore_file(path)), "")
        return cls(how, (lines.get(ignore) or f"{ignore} changed") if ignore else "")

    def reason(self, read: Sequence[str]) -> str:
        """Why an instruction runs again that reads these changed files."""
        if not read:
            return ""
        told = f"{_listed(read)} {self.how.get(read[0], 'changed') if len(read) == 1 else 'changed'}"
        # What came or went may lie where it was.
        by_ignoring = self.ignoring and all(path in self.how for path in read)
        return f"{told} ({self.ignoring})" if by_ignoring else told


def _expected(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str],
    target: str,
    paths: Sequence[str],
    differences: Differences | None,
    reading: _Reading,
) -> list[_Rerun]:
    found: list[_Rerun] = []
    # Per stage the step with which running again begins, and what each of these steps read that changed.
    roots: dict[int, BuildStep] = {}
    files: dict[StepKey, tuple[str, ...]] = {}
    begun: dict[StepKey, str] = {}
    for stage in stage_closure(dockerfile, target, build_args):
        old = differences.steps_before(stage) if differences else ()
        root: BuildStep | None = None
        for position, step in enumerate(build_steps(dockerfile, stage, build_args)):
            read = _read_by(step, paths)
            reason = reading.reason(read)
            if not reason and differences is not None:
                reason = differences.of(step, old, position)
            if not reason:
                origin = root or next((roots[index] for index in step.origins if index in roots), None)
                if origin is None:
                    continue
                reason = _follows(dockerfile, origin, stage)
                if origin.instruction.keyword == "FROM":
                    # Of an image that is there, the builder tells no more than that.
                    reason = f"{begun[_key(origin)]}; {reason}"
                read = files[_key(origin)]
            if step.index:
                found.append(_Rerun(step, reason, read))
            if root is None:
                from_base = step.instruction.keyword == "FROM" and step.origins and step.origins[0] in roots
                root = roots[step.origins[0]] if from_base else step
                begun.setdefault(_key(root), reason)
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
