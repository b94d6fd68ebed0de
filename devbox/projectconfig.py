"""The settings of the project, its build, its ports and its releases: resolved, and refused where they
contradict each other."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from devbox.compose.values import Compose
from devbox.errors import ConfigError
from devbox.model import PortMapping, SecretSource, VolumeMount
from devbox.notation import parse_ports, parse_volume, read_env_file, secret_source
from devbox.notation_run import parse_tmpfs
from devbox.place import place_of
from devbox.settings import Settings

BUILD_NETWORK_VARIABLE = "DEVBOX_BUILD_NETWORK"
_LONGEST_NAME = 40


class ProjectConfig(BaseModel):
    """The settings of a project, its build, its ports and its releases, resolved."""

    root: Path
    place: Path
    project: str
    context: Path
    dockerfile: Path
    target: str
    build_args: dict[str, str]
    build_network: str
    secrets: tuple[SecretSource, ...]
    ports: tuple[PortMapping, ...]
    volumes: tuple[VolumeMount, ...]
    environment: dict[str, str]
    env_files: tuple[Path, ...]
    health_path: str
    start_timeout: float
    stop_grace: float
    swap: Literal["rolling", "recreate"]
    debug: bool
    debug_port: int
    warm: bool
    keep_images: int
    compose: Compose | None


def resolve_project(
    root: Path, service: str, settings: Settings, environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields of ProjectConfig but for `compose`, and where those come from that neither a file nor a flag
    says; raises ConfigError naming the setting."""
    named: dict[str, str] = {}
    build_network = settings.build_network
    if not build_network and BUILD_NETWORK_VARIABLE in environ:
        build_network = environ[BUILD_NETWORK_VARIABLE]
        named["build_network"] = BUILD_NETWORK_VARIABLE
    ports = tuple(port for text in settings.ports for port in parse_ports(text))
    _refuse_twice((*ports, PortMapping(host_port=settings.debug_port)) if settings.debug else ports)
    if settings.swap == "rolling":
        _refuse_datagrams(ports)
    if settings.debug and settings.swap != "rolling":
        raise ConfigError(
            "debug needs swap = rolling",
            cause="the debugger's port leads to one revision after the other, which Docker's own does not",
            hint='take swap = "recreate" out, or --swap rolling',
        )
    if settings.health_path and not settings.health_path.startswith("/"):
        raise ConfigError(f"health_path '{settings.health_path}' does not start with /")
    env_files = tuple(_env_file(name, root) for name in settings.env_file)
    environment: dict[str, str] = {}
    for path in env_files:
        environment |= read_env_file(path, environ)
    fields = {
        "root": root,
        "place": place_of(root, service) if service else root,
        "project": project_name(root, settings.project, service),
        "context": (root / settings.context).resolve(),
        "dockerfile": Path(os.path.normpath(root / settings.dockerfile)),
        "target": settings.target,
        "build_args": settings.build_args,
        "build_network": build_network,
        "secrets": tuple(secret_source(name, fields) for name, fields in sorted(settings.secrets.items())),
        "ports": ports,
        "volumes": _volumes(settings.volumes, settings.tmpfs, root),
        "environment": environment | settings.environment,
        "env_files": env_files,
        "health_path": settings.health_path,
        "start_timeout": settings.start_timeout,
        "stop_grace": settings.stop_grace,
        "swap": settings.swap,
        "debug": settings.debug,
        "debug_port": settings.debug_port,
        "warm": settings.warm,
        "keep_images": settings.keep_images,
    }
    return fields, named


def _env_file(name: str, root: Path) -> Path:
    try:
        return (root / Path(name).expanduser()).resolve()
    except RuntimeError as error:
        raise ConfigError(f"env file {name} is not there", cause=str(error)) from error


def _volumes(texts: tuple[str, ...], tmpfs: tuple[str, ...], root: Path) -> tuple[VolumeMount, ...]:
    mounts = tuple(parse_volume(text, root) for text in texts)
    targets = [*(mount.target for mount in mounts), *(parse_tmpfs(text)[0] for text in tmpfs)]
    for target in targets:
        if targets.count(target) > 1:
            raise ConfigError(f"two volumes are mounted at {target}", hint="keep one of them")
    for mount in mounts:
        if mount.kind == "bind" and not Path(mount.source).exists():
            raise ConfigError(
                f"the folder {mount.source} to mount at {mount.target} is not there",
                hint=f"create it, or name a volume: -v NAME:{mount.target}",
            )
    return mounts


def _refuse_twice(ports: tuple[PortMapping, ...]) -> None:
    taken = set()
    for port in ports:
        where = (port.host_ip, port.host_port, port.protocol)
        if port.host_port and where in taken:
            raise ConfigError(f"port {port.host_ip}:{port.host_port} is published twice", hint="keep one")
        taken.add(where)


def _refuse_datagrams(ports: tuple[PortMapping, ...]) -> None:
    for port in ports:
        if port.protocol != "tcp":
            raise ConfigError(
                f"port {port.container_port}/{port.protocol} cannot be swapped without a gap",
                cause="the gate forwards TCP",
                hint='set swap = "recreate" (or --swap recreate) to let Docker publish it',
            )


def project_name(root: Path, written: str, service: str) -> str:
    """The project's name: as `written` or as its folder's, and with the service behind it at a place."""
    name = valid_name(written or root.name, explicit=bool(written))
    if not service:
        return name
    ending = f"-{sanitized(service)}"
    return f"{name[: _LONGEST_NAME - len(ending)].rstrip('-')}{ending}"


def sanitized(text: str) -> str:
    """What of a text a project's name may hold."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].rstrip("-")


def valid_name(text: str, *, explicit: bool) -> str:
    """The name that a project has by this text; raises ConfigError for one that is `explicit` and no name."""
    name = sanitized(text)
    if explicit and name != text:
        raise ConfigError(
            f"project '{text}' cannot be used",
            cause=f"names hold a-z, 0-9 and - between them, {_LONGEST_NAME} characters at most",
            hint=f"for instance: {name or 'app'}",
        )
    return name or "app"
