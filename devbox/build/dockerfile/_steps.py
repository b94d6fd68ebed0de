"""The instructions of a stage that BuildKit runs as steps, and how its trace names and numbers them.

After moby/buildkit, frontend/dockerfile/dockerfile2llb.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile._heredocs import read_opening
from devbox.build.dockerfile._parse import placed
from devbox.build.dockerfile._remembered import remembered
from devbox.build.dockerfile._scope import Scope, base_of, expand_at, walk
from devbox.build.dockerfile._shell import AS_SHOWN, PLAIN, expand
from devbox.build.dockerfile._sources import ContextSource, context_sources
from devbox.build.dockerfile._stages import SCRATCH, instruction_origins
from devbox.build.dockerfile._values import Dockerfile, Heredoc, Instruction, Stage
from devbox.errors import DockerfileError

_STEPS = frozenset({"FROM", "RUN", "COPY", "ADD", "WORKDIR"})
_NAME_IN_HEREDOC = re.compile(r"\$\{?([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class BuildStep:
    """FROM, RUN, COPY, ADD or WORKDIR within the stage of index `stage`.

    The trace shows it as "[stage_name index/total] name", `name` with variables replaced as far as the
    Dockerfile knows them (of FROM the reference is completed by the builder). `index` is 0 for what the
    trace does not show: a FROM of a stage or of scratch, `WORKDIR /`. `sources` is what it reads from the
    build context, `origins` the indexes of the stages it reads from. Two steps with equal `inputs` on equal
    bases do the same.
    """

    stage: int
    stage_name: str
    index: int
    total: int
    instruction: Instruction
    scope: Scope
    name: str
    sources: tuple[ContextSource, ...]
    origins: tuple[int, ...]
    inputs: tuple[object, ...]


@remembered
def build_steps(dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]) -> tuple[BuildStep, ...]:
    """A stage's steps in order, FROM first; raises DockerfileError as stage_closure does."""
    base = base_of(dockerfile, stage, build_args)
    found = [pair for pair in walk(dockerfile, stage, build_args) if pair[0].keyword in _STEPS]
    unseen_from = isinstance(base, Stage) or base == SCRATCH
    total = len(found) - unseen_from
    stage_name = "" if _is_alone(dockerfile) else stage.name or f"stage-{stage.index}"
    steps: list[BuildStep] = []
    index = 0
    for instruction, scope in found:
        seen = not (
            unseen_from if instruction.keyword == "FROM" else _is_root(dockerfile, instruction, scope)
        )
        index += seen
        try:
            sources = context_sources(instruction, scope.variables, dockerfile.escape)
        except DockerfileError as error:
            raise placed(error, dockerfile.path, instruction.line) from None
        if instruction.keyword == "FROM":
            origins: Iterable[Stage | str] = (base,)
        else:
            origins = instruction_origins(dockerfile, instruction, scope)
        steps.append(
            BuildStep(
                stage=stage.index,
                stage_name=stage_name,
                index=index if seen else 0,
                total=total,
                instruction=instruction,
                scope=scope,
                name=_name(dockerfile, instruction, scope),
                sources=sources,
                origins=tuple(origin.index for origin in origins if isinstance(origin, Stage)),
                inputs=_inputs(dockerfile, instruction, scope, base),
            )
        )
    return tuple(steps)


def _is_alone(dockerfile: Dockerfile) -> bool:
    # BuildKit counts every image that --from names, and every mount, as a stage of its own.
    return len(dockerfile.stages) == 1 and not any(
        instruction.flag("from") or instruction.flag("mount") for instruction in dockerfile.instructions
    )


def _is_root(dockerfile: Dockerfile, instruction: Instruction, scope: Scope) -> bool:
    return instruction.keyword == "WORKDIR" and _directory(dockerfile, instruction, scope) == "/"


def _directory(dockerfile: Dockerfile, instruction: Instruction, scope: Scope) -> str:
    written = expand_at(dockerfile, instruction, instruction.arguments[-1], scope.variables)
    return "/" + posixpath.normpath(posixpath.join("/", scope.workdir, written)).lstrip("/")


def _name(dockerfile: Dockerfile, instruction: Instruction, scope: Scope) -> str:
    text, style = instruction.text, PLAIN
    if instruction.keyword == "FROM":
        return text
    if instruction.keyword == "RUN":
        style = AS_SHOWN
        if instruction.heredocs and _is_heredoc_only(instruction):
            text += f" ({_summary(instruction.heredocs[0])})"
    try:
        text = expand(text, scope.variables, dockerfile.escape, style)
    except DockerfileError:
        # BuildKit shows what it cannot read here (a shell's own ${…}) as it is.
        return text
    return " ".join(text.split())


def _is_heredoc_only(instruction: Instruction) -> bool:
    try:
        return read_opening(instruction.arguments[0]) is not None
    except DockerfileError:
        return False


def _summary(heredoc: Heredoc) -> str:
    lines = heredoc.content.strip().replace("\r\n", "\n").split("\n")
    return lines[0] + ("..." if len(lines) > 1 else "")


def _inputs(
    dockerfile: Dockerfile, instruction: Instruction, scope: Scope, base: Stage | str
) -> tuple[object, ...]:
    def expanded(words: Iterable[str]) -> tuple[str, ...]:
        return tuple(expand_at(dockerfile, instruction, word, scope.variables) for word in words)

    match instruction.keyword:
        case "FROM":
            return (base.label if isinstance(base, Stage) else base, instruction.flag("platform"))
        case "WORKDIR":
            return (_directory(dockerfile, instruction, scope), scope.user)
        case "RUN":
            mounts = expanded(instruction.flag_values("mount"))
            return (mounts, tuple(sorted(scope.variables.items())), scope.workdir, scope.user, scope.shell)
    flags = expanded(f"{name}={value}" for name, value in instruction.flags)
    inline = {name for heredoc in instruction.heredocs for name in _NAME_IN_HEREDOC.findall(heredoc.content)}
    values = tuple((name, scope.variables.get(name)) for name in sorted(inline))
    return (*expanded(instruction.arguments[:-1]), _directory(dockerfile, instruction, scope), flags, values)
