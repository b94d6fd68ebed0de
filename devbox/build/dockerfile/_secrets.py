"""The secrets that a target's RUN instructions mount."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from devbox.build.dockerfile._mounts import read_mount
from devbox.build.dockerfile._parse import placed
from devbox.build.dockerfile._scope import Scope, walk
from devbox.build.dockerfile._shell import expand
from devbox.build.dockerfile._stages import stage_closure
from devbox.build.dockerfile._values import Dockerfile
from devbox.errors import DockerfileError


def mounted_secrets(
    dockerfile: Dockerfile, build_args: Mapping[str, str] | None = None, target: str = ""
) -> tuple[str, ...]:
    """The ids of the secrets that building a target mounts, in order, none twice; raises as stage_closure
    does."""
    found: dict[str, None] = {}
    for stage in stage_closure(dockerfile, target, build_args):
        for instruction, scope in walk(dockerfile, stage, build_args or {}):
            values = instruction.flag_values("mount") if instruction.keyword == "RUN" else ()
            for value in values:
                try:
                    mount = read_mount(value, partial(_expanded, scope, dockerfile.escape))
                except DockerfileError as error:
                    raise placed(error, dockerfile.path, instruction.line) from None
                if mount.secret:
                    found[mount.secret] = None
    return tuple(found)


def _expanded(scope: Scope, escape: str, word: str) -> str:
    return expand(word, scope.variables, escape)
