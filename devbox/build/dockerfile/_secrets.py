"""The secrets that a target's RUN instructions mount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devbox.build.dockerfile._mounts import read_mount
from devbox.build.dockerfile._parse import placed
from devbox.build.dockerfile._scope import Scope, walk
from devbox.build.dockerfile._shell import expand
from devbox.build.dockerfile._stages import stage_closure
from devbox.build.dockerfile._values import Dockerfile
from devbox.errors import DockerfileError


@dataclass(frozen=True, slots=True)
class SecretMount:
    """One RUN --mount=type=secret: the secret's `id`, and whether the step fails at once without it."""

    id: str
    required: bool


def secret_mounts(
    dockerfile: Dockerfile, build_args: Mapping[str, str] | None = None, target: str = ""
) -> tuple[SecretMount, ...]:
    """Every secret that building a target mounts, in order, none twice; raises as stage_closure does."""
    found: dict[SecretMount, None] = {}
    for stage in stage_closure(dockerfile, target, build_args):
        for instruction, scope in walk(dockerfile, stage, build_args or {}):
            values = instruction.flag_values("mount") if instruction.keyword == "RUN" else ()
            for value in values:
                try:
                    mount = _read(value, scope, dockerfile.escape)
                except DockerfileError as error:
                    raise placed(error, dockerfile.path, instruction.line) from None
                if mount is not None:
                    found[mount] = None
    return tuple(found)


def _read(value: str, scope: Scope, escape: str) -> SecretMount | None:
    mount = read_mount(value, lambda word: expand(word, scope.variables, escape))
    return SecretMount(mount.secret, mount.required) if mount.secret else None
