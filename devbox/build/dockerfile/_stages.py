"""Which stages and which external images a target needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from devbox.build.dockerfile._checks import did_you_mean
from devbox.build.dockerfile._mounts import read_mount
from devbox.build.dockerfile._parse import placed
from devbox.build.dockerfile._remembered import remembered
from devbox.build.dockerfile._scope import Scope, base_of, expand_at, walk
from devbox.build.dockerfile._shell import expand
from devbox.build.dockerfile._values import Dockerfile, Instruction, Stage
from devbox.errors import DockerfileError

_INDEX = re.compile(r"[+-]?[0-9]{1,9}")
SCRATCH = "scratch"


def resolve_stage(dockerfile: Dockerfile, target: str = "") -> Stage:
    """The stage that a target names: a name in any case, an index, or '' for the last one.

    Raises DockerfileError for an unknown one, naming the nearest.
    """
    if not target:
        return dockerfile.stages[-1]
    named = _named(dockerfile, target)
    if named:
        return named
    if _INDEX.fullmatch(target) and 0 <= int(target) < len(dockerfile.stages):
        return dockerfile.stages[int(target)]
    names = [stage.name for stage in dockerfile.stages if stage.name]
    known = f"the stages are {', '.join(names)}" if names else "the Dockerfile names no stage"
    raise DockerfileError(
        f"target stage {target!r} could not be found",
        path=dockerfile.path,
        hint=did_you_mean(target.lower(), names) or known,
    )


def stage_closure(
    dockerfile: Dockerfile, target: str = "", build_args: Mapping[str, str] | None = None
) -> tuple[Stage, ...]:
    """The target and every stage it is made from, in the order of the file.

    Raises DockerfileError for an unknown target, and for a stage used before it is defined.
    """
    return _closure(dockerfile, target, build_args or {})


@remembered
def _closure(dockerfile: Dockerfile, target: str, build_args: Mapping[str, str]) -> tuple[Stage, ...]:
    wanted = {resolve_stage(dockerfile, target).index}
    # Stages only use earlier ones, so one pass from the last to the first finds them all.
    for stage in reversed(dockerfile.stages):
        if stage.index in wanted:
            used = origins(dockerfile, stage, build_args)
            wanted.update(origin.index for origin in used if isinstance(origin, Stage))
    return tuple(stage for stage in dockerfile.stages if stage.index in wanted)


def base_images(
    dockerfile: Dockerfile, build_args: Mapping[str, str] | None = None, target: str = ""
) -> tuple[str, ...]:
    """The external images that building a target needs, as FROM, COPY --from and RUN --mount=from name them,
    variables replaced, in order, none twice.

    An image whose name needs a platform variable (TARGETARCH …) is left out unless build_args gives that
    variable. Raises DockerfileError as stage_closure does.
    """
    return tuple(image for image in _images(dockerfile, build_args or {}, target) if "$" not in image)


def unsettled_images(
    dockerfile: Dockerfile, build_args: Mapping[str, str] | None = None, target: str = ""
) -> tuple[str, ...]:
    """The external images that base_images leaves out, for the builder to settle: their names hold `$`."""
    return tuple(image for image in _images(dockerfile, build_args or {}, target) if "$" in image)


def _images(dockerfile: Dockerfile, build_args: Mapping[str, str], target: str) -> dict[str, None]:
    return {
        origin: None
        for stage in stage_closure(dockerfile, target, build_args)
        for origin in origins(dockerfile, stage, build_args)
        if isinstance(origin, str) and origin != SCRATCH
    }


def origins(dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]) -> Iterator[Stage | str]:
    """Every stage or image that a stage takes something from, its base first."""
    yield base_of(dockerfile, stage, build_args)
    for instruction, scope in walk(dockerfile, stage, build_args):
        yield from instruction_origins(dockerfile, instruction, scope)


def instruction_origins(
    dockerfile: Dockerfile, instruction: Instruction, scope: Scope
) -> Iterator[Stage | str]:
    """The stages or images that COPY --from or RUN --mount=from name.

    BuildKit replaces no variables in --from, other builders do: they are replaced here, so that the builder
    at hand decides.
    """
    if instruction.keyword == "COPY" and instruction.flag("from"):
        name = expand_at(dockerfile, instruction, instruction.flag("from"), scope.variables)
        index = int(name) if _INDEX.fullmatch(name) else None
        if index is not None and not 0 <= index < len(dockerfile.stages):
            raise DockerfileError(f"invalid stage index {index}", path=dockerfile.path, line=instruction.line)
        named = dockerfile.stages[index] if index is not None else _named(dockerfile, name)
        yield _defined_before(dockerfile, instruction, named) or name
    elif instruction.keyword == "RUN":
        for value in instruction.flag_values("mount"):
            try:
                mount = read_mount(value, lambda word: expand(word, scope.variables, dockerfile.escape))
            except DockerfileError as error:
                raise placed(error, dockerfile.path, instruction.line) from None
            if mount.origin and mount.kind in {"bind", "cache"}:
                named = _named(dockerfile, mount.origin)
                yield _defined_before(dockerfile, instruction, named) or mount.origin


def _defined_before(dockerfile: Dockerfile, instruction: Instruction, stage: Stage | None) -> Stage | None:
    if stage and stage.index >= instruction.stage:
        here = dockerfile.stages[instruction.stage]
        raise DockerfileError(
            f"cannot take files from stage {stage.label!r}, it needs to be defined before {here.label!r}",
            path=dockerfile.path,
            line=instruction.line,
            hint="move that stage further up",
        )
    return stage


def _named(dockerfile: Dockerfile, name: str) -> Stage | None:
    # A name given twice means the later stage.
    matching = [stage for stage in dockerfile.stages if stage.name and stage.name == name.lower()]
    return matching[-1] if matching else None
