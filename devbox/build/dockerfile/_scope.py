"""Which variables and settings hold at which instruction."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from devbox.build.dockerfile._parse import placed
from devbox.build.dockerfile._remembered import remembered
from devbox.build.dockerfile._shell import expand
from devbox.build.dockerfile._values import Dockerfile, Instruction, Stage
from devbox.errors import DockerfileError

# The builder sets these from the platform it builds for, which no Dockerfile tells.
_PLATFORM_ARGS = tuple(
    f"{side}{what}"
    for side in ("BUILD", "TARGET")
    for what in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
)
PLATFORM_ARGS = frozenset((*_PLATFORM_ARGS, "TARGETSTAGE"))


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds just before an instruction: ARG and ENV variables, and the settings a RUN is run with.

    What comes from an external base image is not known and therefore absent. A platform variable that nobody
    gave stands for itself ("${TARGETARCH}").
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    workdir: str = ""
    user: str = ""
    shell: tuple[str, ...] = ()


def global_variables(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that FROM lines see: platform variables, then ARG before the first FROM."""
    variables = {name: build_args.get(name, f"${{{name}}}") for name in sorted(PLATFORM_ARGS)}
    for instruction in dockerfile.global_args:
        for name, default in instruction.pairs:
            if name in build_args:
                variables[name] = build_args[name]
            elif default is not None:
                variables[name] = expand_at(dockerfile, instruction, default, variables)
    return variables


def expand_at(dockerfile: Dockerfile, at: Instruction, word: str, variables: Mapping[str, str]) -> str:
    """expand with the file's escape; its DockerfileError gets the instruction's place."""
    try:
        return expand(word, variables, dockerfile.escape)
    except DockerfileError as error:
        raise placed(error, dockerfile.path, at.line) from None


def base_of(dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]) -> Stage | str:
    """The earlier stage that a stage begins from, or the name of its image; raises DockerfileError for a
    name that is empty once its variables are replaced."""
    first = stage.instructions[0]
    name = expand_at(dockerfile, first, stage.base, global_variables(dockerfile, build_args))
    if not name:
        raise DockerfileError(
            f"base name ({stage.base}) should not be blank",
            path=dockerfile.path,
            line=first.line,
            hint="give its ARG a default before the first FROM, or pass the build argument",
        )
    earlier = [one for one in dockerfile.stages[: stage.index] if one.name and one.name == name.lower()]
    return earlier[-1] if earlier else name


def walk(
    dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]
) -> Iterator[tuple[Instruction, Scope]]:
    """Every instruction that makes up a stage, FROM first, with the scope before it.

    The ONBUILD triggers of a stage's base stage come right after its FROM, as that trigger's instruction
    with the text that begins with ONBUILD.
    """
    for instruction, before, _ in _walk(dockerfile, stage, build_args):
        yield instruction, before


def final_scope(dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]) -> Scope:
    """What holds behind a stage's last instruction."""
    *_, (_, _, after) = _walk(dockerfile, stage, build_args)
    return after


@remembered
def _walk(
    dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]
) -> tuple[tuple[Instruction, Scope, Scope], ...]:
    base = base_of(dockerfile, stage, build_args)
    scope = final_scope(dockerfile, base, build_args) if isinstance(base, Stage) else Scope()
    triggers: list[Instruction] = []
    if isinstance(base, Stage):
        triggers = [
            replace(one.trigger, text=one.text, stage=stage.index) for one in base.instructions if one.trigger
        ]
    globals_ = global_variables(dockerfile, build_args)
    first, *rest = stage.instructions
    walked = []
    for instruction in (first, *triggers, *rest):
        after = _after(dockerfile, instruction, scope, build_args, globals_)
        walked.append((instruction, scope, after))
        scope = after
    return tuple(walked)


def _after(
    dockerfile: Dockerfile,
    instruction: Instruction,
    scope: Scope,
    build_args: Mapping[str, str],
    globals_: Mapping[str, str],
) -> Scope:
    def expanded(word: str, variables: Mapping[str, str] = scope.variables) -> str:
        return expand_at(dockerfile, instruction, word, variables)

    match instruction.keyword:
        case "ENV":
            new = {expanded(name): expanded(value or "") for name, value in instruction.pairs}
            return replace(scope, variables={**scope.variables, **new})
        case "ARG":
            variables = dict(scope.variables)
            for name, default in instruction.pairs:
                if name in build_args:
                    variables[name] = build_args[name]
                elif default is not None:
                    variables[name] = expanded(default, variables)
                elif name in globals_:
                    variables[name] = globals_[name]
            return replace(scope, variables=variables)
        case "WORKDIR":
            path = posixpath.normpath(posixpath.join("/", scope.workdir, expanded(instruction.arguments[0])))
            return replace(scope, workdir="/" + path.lstrip("/"))
        case "USER":
            return replace(scope, user=expanded(instruction.arguments[0]))
        case "SHELL":
            return replace(scope, shell=instruction.arguments)
    return scope
