"""What may be written in a settings file: `[tool.devbox]` of pyproject.toml, or devbox.toml."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from devbox.errors import ConfigError, SettingRefused
from devbox.runconfig import RunSettings, as_written
from devbox.spelling import ON_THE_COMMAND_LINE, as_spelled
from devbox.toml import as_toml

SETTINGS_FILE = "devbox.toml"
SETTINGS_TABLE_FILE = "pyproject.toml"

_KINDS = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "finite_number": "a finite number",
}
_LIMITS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than_equal": "at most",
}


class ProjectSettings(BaseModel):
    """What may be written about the project, its build, its ports and its releases."""

    project: str = Field("", description="name of the project; the folder's name unless set")
    context: str = Field(".", description="the build context, relative to the project's folder")
    dockerfile: str = Field("Dockerfile", description="the Dockerfile, relative to the project's folder")
    target: str = Field("", description="stage to build; the last one unless set")
    build_args: dict[str, str] = Field(default_factory=dict, description="build arguments")
    build_network: str = Field("", description="network of RUN instructions: host, none or the default")
    secrets: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="build secrets: for each id its src (a file) or env (a variable)"
    )
    ports: tuple[str, ...] = Field((), description="published ports, as for docker run -p")
    volumes: tuple[str, ...] = Field((), description="volumes and bind mounts, as for docker run -v")
    environment: dict[str, str] = Field(default_factory=dict, description="environment of the container")
    env_file: tuple[str, ...] = Field((), description="files with environment variables")
    health_path: str = Field("", description="path that must answer 2xx or 3xx before a revision serves")
    start_timeout: float = Field(30.0, gt=0, description="seconds a container may take to become ready")
    stop_grace: float = Field(
        3.0, ge=0, description="seconds between asking a container to stop and killing it"
    )
    swap: Literal["rolling", "recreate"] = Field("rolling", description="how a new revision takes over")
    debug: bool = Field(False, description="run the application under debugpy")
    debug_port: int = Field(
        5678, ge=1, le=65535, description="port of this machine, on 127.0.0.1, that a debugger attaches to"
    )
    compose: bool = Field(True, description="take a compose file of the folder as configuration")
    compose_file: tuple[str, ...] = Field((), description="compose files, instead of the folder's own")
    profiles: tuple[str, ...] = Field((), description="profiles of the compose file to enable")
    service: str = Field("", description="the service of the compose file to develop; the one with a build")
    warm: bool = Field(True, description="let source-only changes go live in a container that stands by")
    keep_images: int = Field(5, ge=1, description="how many of the project's images are kept")


class Settings(RunSettings, ProjectSettings):
    """What may be written in a settings file, and what flags become; every field has a default."""


def read_settings_file(root: Path) -> tuple[dict[str, Any], str]:
    """The settings written in a file and that file's name; raises ConfigError for two of them."""
    own = _read_toml(root / SETTINGS_FILE)
    tools = (_read_toml(root / SETTINGS_TABLE_FILE) or {}).get("tool")
    table = tools.get("devbox") if isinstance(tools, dict) else None
    if own is not None and table is not None:
        raise ConfigError(
            f"settings stand in {SETTINGS_FILE} and in [tool.devbox] of {SETTINGS_TABLE_FILE}",
            hint="keep them in one of the two",
        )
    if table is not None:
        if not isinstance(table, dict):
            raise ConfigError(f"[tool.devbox] of {SETTINGS_TABLE_FILE} is no table")
        return table, SETTINGS_TABLE_FILE
    return own or {}, SETTINGS_FILE


def _read_toml(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read", cause=str(error)) from error


def validate(fields: Mapping[str, Any], origin: str) -> Settings:
    """Settings out of what was written in `origin`; raises ConfigError naming the key, and the nearest known
    one where it is unknown."""
    known = Settings.model_fields
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise ConfigError(
                f"{origin}: unknown setting '{name}'",
                hint=f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}",
            )
    try:
        shaped = {name: _shaped(name, value, origin) for name, value in fields.items()}
        return Settings.model_validate(shaped)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        wanted = _wanted(first["type"], first.get("ctx", {}))
        raise ConfigError(
            f"{origin}: setting '{where}' is wrong",
            cause=f"it should be {wanted}, not {as_toml(first['input'])}",
        ) from error


def _wanted(kind: str, context: Mapping[str, Any]) -> str:
    """What a value should be, in TOML's words; `kind` and `context` are pydantic's."""
    if kind in _LIMITS:
        return f"{_LIMITS[kind]} {next(iter(context.values())):g}"
    if kind == "literal_error":
        return str(context["expected"]).replace("'", '"')
    return _KINDS.get(kind, "another value")


def _shaped(name: str, value: Any, origin: str) -> Any:
    try:
        return _as_written(name, value)
    except SettingRefused as error:
        if origin in ON_THE_COMMAND_LINE:
            raise as_spelled(error, origin) from error
        raise ConfigError(
            f"{origin}: setting '{name}' is wrong", cause=f"{error.cause}, not {value!r}", hint=error.hint
        ) from error


def _as_written(name: str, value: Any) -> Any:
    """TOML's own types in the shapes that Settings is strict about: lists, a lone file, plain numbers."""
    if name in {"env_file", "compose_file", "profiles"} and isinstance(value, str):
        return (value,)
    if name in {"environment", "build_args", "labels"} and isinstance(value, dict):
        return {key: _text(item) for key, item in value.items()}
    if name == "ports" and isinstance(value, list | tuple):
        return tuple(str(item) if type(item) is int else item for item in value)
    value = as_written(name, value)
    return tuple(value) if isinstance(value, list) else value


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
