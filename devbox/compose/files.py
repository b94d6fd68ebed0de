"""Which files a compose project is read from, so that a change of any of them is seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from devbox.compose.values import Wanted

# The names that Compose looks for, in its order.
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = tuple(
    f"{stem}.override.{ending}" for stem in ("compose", "docker-compose") for ending in ("yml", "yaml")
)
_VARIABLES = ".env"
_FILES_VARIABLE = "COMPOSE_FILE"
_SEPARATOR_VARIABLE = "COMPOSE_PATH_SEPARATOR"


def compose_files(root: Path, wanted: Wanted, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that a project in `root` is read from, the first one first; none where it has none."""
    named = wanted.files
    if not named and environ.get(_FILES_VARIABLE):
        named = tuple(environ[_FILES_VARIABLE].split(environ.get(_SEPARATOR_VARIABLE) or os.pathsep))
    if named:
        return tuple(Path(os.path.normpath(root / name)) for name in named)
    found = next((root / name for name in NAMES if (root / name).is_file()), None)
    if found is None:
        return ()
    return (found, *(root / name for name in _OVERRIDES if (root / name).is_file()))


def watched(root: Path, files: Iterable[Path]) -> tuple[Path, ...]:
    """`files`, those that they include or extend, and those whose appearance would change which are read."""
    found: dict[Path, None] = {}
    fresh = list(files)
    while fresh:
        path = fresh.pop()
        if path not in found:
            found[path] = None
            fresh += _named_in(path)
    beside = (root / name for name in (*NAMES, *_OVERRIDES, _VARIABLES))
    return tuple(dict.fromkeys((*found, *beside)))


def _named_in(path: Path) -> Iterator[Path]:
    """The files that a compose file includes or extends, as far as it names them without variables."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):
        return
    if not isinstance(content, dict):
        return
    for entry in _items(content.get("include")):
        for key in ("path", "env_file") if isinstance(entry, dict) else ("",):
            yield from _beside(path, entry[key] if key and key in entry else entry if not key else None)
    services = content.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        extends = service.get("extends") if isinstance(service, dict) else None
        if isinstance(extends, dict):
            yield from _beside(path, extends.get("file"))


def _beside(path: Path, names: Any) -> Iterator[Path]:
    for name in _items(names):
        if isinstance(name, str) and "$" not in name:
            yield Path(os.path.normpath(path.parent / name))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
