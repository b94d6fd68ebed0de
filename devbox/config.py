"""Settings: defaults < compose file < `[tool.devbox]` or devbox.toml < flags, as one frozen Config."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from devbox.compose.files import compose_files
from devbox.compose.values import Compose, Composed, Wanted
from devbox.errors import ConfigError, SettingRefused
from devbox.model import PortMapping, SecretSource, VolumeMount
from devbox.notation import (
    parse_assignment,
    parse_ports,
    parse_secret,
    parse_volume,
    read_env_file,
    resolve_assignments,
    secret_source,
)
from devbox.notation_run import parse_tmpfs
from devbox.place import place_of, split
from devbox.runconfig import RunConfig, resolve_run
from devbox.settings import SETTINGS_FILE, SETTINGS_TABLE_FILE, Settings, read_settings_file, validate
from devbox.spelling import as_spelled

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


class Config(RunConfig, ProjectConfig):
    """The settings of one project, resolved: paths absolute, notations read, env files read.

    `root` is its folder. `place` is what its session is known by: the folder, or PATH:SERVICE for one of
    several services that are developed.
    `sources` tells for each setting where its value comes from ("default", a file's name, "flag").
    """

    sources: dict[str, str]

    @property
    def config_hash(self) -> str:
        """Changes exactly when something changes that an image or a container is made from, or that tells
        whether it is ready; hex.

        Where the project lies is no part of it, nor are the files it is read from: their content is.
        """
        fields = self.model_dump(mode="json", exclude=_NO_INGREDIENT)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def family(self) -> str:
        """The name that services of one folder, each developed at a place of its own, have in common."""
        if self.place == self.root:
            return self.project
        service = str(self.place).removeprefix(f"{self.root}:")
        return self.project.removesuffix(f"-{_sanitized(service)}")

    @property
    def watched_files(self) -> tuple[Path, ...]:
        """The files whose change can change this Config."""
        return (
            self.root / SETTINGS_FILE,
            self.root / SETTINGS_TABLE_FILE,
            *self.env_files,
            *(self.compose.watched if self.compose else ()),
        )


_NO_INGREDIENT = {
    "root",
    "place",
    "context",
    "dockerfile",
    "env_files",
    "sources",
    "compose",
    "debug_port",
    "warm",
    "keep_images",
    "stop_grace",
    "start_timeout",
    "before_start_timeout",
}


def load(root: Path, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """The Config of the project in `root`, a folder or a place; `flags` holds Settings fields, and wins over
    the files.

    Lists (ports, volumes, env_file) given as flags replace those of the files; mappings (environment,
    build_args, secrets) are merged. Raises ConfigError naming the file, the key and the nearest known key.
    """
    root, service = split(root)
    if not root.exists():
        raise ConfigError(f"{root} is not there", hint="name the project's folder: devbox up PATH")
    if not root.is_dir():
        raise ConfigError(f"{root} is a file", hint=f"name the project's folder: devbox up {root.parent}")
    root = root.resolve()
    written, origin = read_settings_file(root)
    settings = validate(written, origin)
    given = {name: value for name, value in flags.items() if value not in (None, (), {}, "")}
    settings = _over(settings, given, "the command line")
    if service:
        if given.get("service", service) != service:
            raise ConfigError(
                f"--service {given['service']} is another service than that of {root}:{service}",
                hint="name one of them",
            )
        given, settings = {**given, "service": service}, _over(settings, {"service": service}, "the path")
    composed = _composed(root, settings, environ, beside_others=bool(service))
    sources = {
        name: "flag" if name in given else origin if name in written else "default"
        for name in Settings.model_fields
    }
    compose = None
    if service and composed is None:
        raise ConfigError(
            f"{root} has no service '{service}'",
            cause="it has no compose file that builds one",
        )
    if composed is not None:
        compose, file = composed.compose, composed.compose.file
        sources |= {name: file for name in composed.settings if sources[name] == "default"}
        settings = _over(validate(composed.settings, file), settings.model_dump(exclude_unset=True), file)
    if not (root / settings.context).is_dir():
        raise ConfigError(
            f"the build context {settings.context} is no folder",
            cause=f"setting 'context' from {sources['context']}",
        )
    try:
        return _resolve(root, service, settings, sources, environ, compose)
    except SettingRefused as error:
        origin = sources[error.setting]
        by_compose = compose.service if compose is not None and origin == compose.file else ""
        raise as_spelled(error, origin, by_compose) from error


def _over(settings: Settings, values: Mapping[str, Any], origin: str) -> Settings:
    """`settings` with the `values` written in `origin` over them: mappings are merged, all else replaced."""
    merged = {
        name: {**getattr(settings, name), **value} if isinstance(value, dict) else value
        for name, value in values.items()
    }
    return validate({**settings.model_dump(exclude_unset=True), **merged}, origin)


def _composed(
    root: Path, settings: Settings, environ: Mapping[str, str], *, beside_others: bool
) -> Composed | None:
    if not settings.compose:
        return None
    wanted = Wanted(settings.compose_file, settings.profiles, settings.service, beside_others)
    if not compose_files(root, wanted, environ):
        return None
    # YAML and the rest take their time to import, and most projects have none.
    from devbox.compose.read import read

    return read(root, wanted, environ)


def load_leniently(root: Path, environ: Mapping[str, str]) -> Config:
    """The Config, or the defaults under the project's name where the settings cannot be used: what runs must
    be found and ended whatever somebody wrote since. Raises ConfigError for a `root` that is no folder."""
    try:
        return load(root, {}, environ)
    except ConfigError:
        if not split(root)[0].is_dir():
            raise
    return unread(root, environ)


def unread(root: Path, environ: Mapping[str, str]) -> Config:
    """The defaults under the name of the project in `root`, whose settings are not looked at besides."""
    folder, service = split(root)
    try:
        written = str(read_settings_file(folder)[0].get("project", ""))
        name = _name(folder.resolve(), written, service)
    except ConfigError:
        name = ""
    return defaults(root, name, environ)


def defaults(root: Path, project: str, environ: Mapping[str, str]) -> Config:
    """The Config of a folder without settings, which need not be there; `project` is '' for the folder's own
    name."""
    folder, service = split(root)
    sources = dict.fromkeys(Settings.model_fields, "default")
    found = _resolve(folder.resolve(), service, Settings.model_validate({}), sources, environ)
    return found.model_copy(update={"project": project}) if project else found


def _resolve(
    root: Path,
    service: str,
    settings: Settings,
    sources: dict[str, str],
    environ: Mapping[str, str],
    compose: Compose | None = None,
) -> Config:
    build_network = settings.build_network
    if not build_network and BUILD_NETWORK_VARIABLE in environ:
        build_network = environ[BUILD_NETWORK_VARIABLE]
        sources = {**sources, "build_network": BUILD_NETWORK_VARIABLE}
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
    return Config(
        root=root,
        place=place_of(root, service) if service else root,
        project=_name(root, settings.project, service),
        context=(root / settings.context).resolve(),
        dockerfile=Path(os.path.normpath(root / settings.dockerfile)),
        target=settings.target,
        build_args=settings.build_args,
        build_network=build_network,
        secrets=tuple(secret_source(name, fields) for name, fields in sorted(settings.secrets.items())),
        ports=ports,
        volumes=_volumes(settings.volumes, settings.tmpfs, root),
        environment=environment | settings.environment,
        env_files=env_files,
        health_path=settings.health_path,
        start_timeout=settings.start_timeout,
        stop_grace=settings.stop_grace,
        swap=settings.swap,
        debug=settings.debug,
        debug_port=settings.debug_port,
        warm=settings.warm,
        keep_images=settings.keep_images,
        compose=compose,
        sources=sources,
        **resolve_run(settings),
    )


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


def _name(root: Path, written: str, service: str) -> str:
    """The project's name: as `written` or as its folder's, and with the service behind it at a place."""
    name = _project_name(written or root.name, explicit=bool(written))
    if not service:
        return name
    ending = f"-{_sanitized(service)}"
    return f"{name[: _LONGEST_NAME - len(ending)].rstrip('-')}{ending}"


def _sanitized(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].rstrip("-")


def _project_name(text: str, *, explicit: bool) -> str:
    name = _sanitized(text)
    if explicit and name != text:
        raise ConfigError(
            f"project '{text}' cannot be used",
            cause=f"names hold a-z, 0-9 and - between them, {_LONGEST_NAME} characters at most",
            hint=f"for instance: {name or 'app'}",
        )
    return name or "app"


def parse_flags(
    *,
    environment: tuple[str, ...],
    build_args: tuple[str, ...],
    secrets: tuple[str, ...],
    labels: tuple[str, ...] = (),
    environ: Mapping[str, str],
    **fields: object,
) -> dict[str, Any]:
    """Command-line values as Settings fields; raises ConfigError for a malformed -e, --build-arg, --label or
    --secret."""
    given = (parse_secret(text, environ) for text in secrets)
    return {
        "secrets": {one.id: {"env": one.variable} if one.variable else {"src": one.file} for one in given},
        "environment": resolve_assignments(environment, "-e", environ),
        # Unlike a variable, a label without a value has an empty one.
        "labels": {name: value or "" for name, value in (parse_assignment(text, "-l") for text in labels)},
        "build_args": resolve_assignments(build_args, "--build-arg", environ),
        **fields,
    }
