"""How the image asks to be run, as far as its Dockerfile tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from devbox.build.dockerfile._checks import duration
from devbox.build.dockerfile._parse import placed
from devbox.build.dockerfile._scope import Scope, base_of, expand_at, final_scope, walk
from devbox.build.dockerfile._shell import expand_words
from devbox.build.dockerfile._stages import resolve_stage
from devbox.build.dockerfile._values import Dockerfile, HealthCheck, Instruction, RuntimeHints, Stage
from devbox.errors import DockerfileError

_PORT = re.compile(r"(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:/([A-Za-z]*))?", re.ASCII)
_HIGHEST_PORT = 65535


def runtime(
    dockerfile: Dockerfile, build_args: Mapping[str, str] | None = None, target: str = ""
) -> RuntimeHints:
    """Ports, volumes, command and the rest that a target's own instructions and those of the stages it
    begins from set.

    Raises DockerfileError for an unknown target, a port that is none, a substitution that cannot be meant.
    """
    return _hints(dockerfile, resolve_stage(dockerfile, target), build_args or {})


def _hints(dockerfile: Dockerfile, stage: Stage, build_args: Mapping[str, str]) -> RuntimeHints:
    base = base_of(dockerfile, stage, build_args)
    hints = _hints(dockerfile, base, build_args) if isinstance(base, Stage) else RuntimeHints()
    own_cmd = False
    for instruction, scope in walk(dockerfile, stage, build_args):
        hints = _after(dockerfile, instruction, scope, hints)
        own_cmd = own_cmd or instruction.keyword == "CMD"
        if instruction.keyword == "ENTRYPOINT" and not own_cmd:
            # A new entry point does not get the command of the base.
            hints = replace(hints, cmd=None)
    end = final_scope(dockerfile, stage, build_args)
    return replace(hints, workdir=end.workdir, user=end.user)


def _after(
    dockerfile: Dockerfile, instruction: Instruction, scope: Scope, hints: RuntimeHints
) -> RuntimeHints:
    match instruction.keyword:
        case "CMD":
            return replace(hints, cmd=_command(instruction.arguments, json=instruction.json))
        case "ENTRYPOINT":
            return replace(hints, entrypoint=_command(instruction.arguments, json=instruction.json))
        case "HEALTHCHECK":
            return replace(hints, healthcheck=_healthcheck(instruction))
        case "EXPOSE":
            ports = (*hints.ports, *_ports(dockerfile, instruction, scope))
            return replace(hints, ports=tuple(dict.fromkeys(ports)))
        case "VOLUME":
            volumes = (
                expand_at(dockerfile, instruction, path.strip(), scope.variables)
                for path in instruction.arguments
            )
            return replace(hints, volumes=tuple(dict.fromkeys((*hints.volumes, *volumes))))
    return hints


def _command(arguments: tuple[str, ...], *, json: bool) -> tuple[str, ...] | str | None:
    if json:
        return arguments
    return " ".join(arguments) or None


def _healthcheck(instruction: Instruction) -> HealthCheck:
    kind, *command = instruction.arguments
    if kind.upper() == "NONE":
        return HealthCheck(None)

    def seconds(name: str) -> float | None:
        value = instruction.flag(name)
        return duration(value) if value else None

    retries = instruction.flag("retries")
    return HealthCheck(
        command=_command(tuple(command), json=instruction.json),
        interval=seconds("interval"),
        timeout=seconds("timeout"),
        start_period=seconds("start-period"),
        start_interval=seconds("start-interval"),
        retries=int(retries) if retries else None,
    )


def _ports(dockerfile: Dockerfile, instruction: Instruction, scope: Scope) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for argument in instruction.arguments:
        try:
            words = expand_words(argument, scope.variables, dockerfile.escape)
        except DockerfileError as error:
            raise placed(error, dockerfile.path, instruction.line) from None
        for word in words:
            match = _PORT.fullmatch(word)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            protocol = (match[3] or "tcp").lower() if match else ""
            if not first <= last <= _HIGHEST_PORT or protocol not in {"tcp", "udp", "sctp"}:
                raise DockerfileError(
                    f"EXPOSE: {word!r} is no port",
                    path=dockerfile.path,
                    line=instruction.line,
                    hint="as in EXPOSE 8000, EXPOSE 8000-8010 or EXPOSE 53/udp",
                )
            found += ((port, protocol) for port in range(first, last + 1))
    return found
