"""Settings: defaults < compose file < `[tool.devbox]` or devbox.toml < flags, as one frozen Config."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devbox.compose.files import compose_files
from devbox.compose.values import Compose, Composed, Wanted
from devbox.errors import ConfigError, SettingRefused
from devbox.notation import (
    parse_assignment,
    parse_secret,
    resolve_assignments,
)
from devbox.place import split
from devbox.projectconfig import ProjectConfig, project_name, resolve_project, sanitized
from devbox.runconfig import RunConfig, resolve_run
from devbox.settings import SETTINGS_FILE, SETTINGS_TABLE_FILE, Settings, read_settings_file, validate
from devbox.spelling import as_spelled


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
        return self.project.removesuffix(f"-{sanitized(service)}")

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
        name = project_name(folder.resolve(), written, service)
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
    project, named = resolve_project(root, service, settings, environ)
    return Config(compose=compose, sources={**sources, **named}, **project, **resolve_run(settings))


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
