"""Where the files of a compose project lead to, so that a change of any of those is seen too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from devbox.compose.files import NAMES, OVERRIDES

_VARIABLES = ".env"


def watched(root: Path, files: Iterable[Path]) -> tuple[Path, ...]:
    """`files`, those that they include, extend or take variables from, and those whose appearance would
    change which are read."""
    found: dict[Path, None] = {}
    fresh = list(files)
    while fresh:
        path = fresh.pop()
        if path not in found:
            found[path] = None
            fresh += _named_in(path)
    beside = (root / name for name in (*NAMES, *OVERRIDES, _VARIABLES))
    return tuple(dict.fromkeys((*found, *beside)))


def _named_in(path: Path) -> Iterator[Path]:
    """The files that a compose file leads to, as far as it names them without variables: Compose itself does
    not tell which they are."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError):
        return
    if not isinstance(content, dict):
        return
    for entry in _items(content.get("include")):
        names = (entry.get("path"), entry.get("env_file")) if isinstance(entry, dict) else (entry,)
        for name in names:
            yield from _beside(path, name)
    services = content.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        if not isinstance(service, dict):
            continue
        extends = service.get("extends")
        yield from _beside(path, extends.get("file") if isinstance(extends, dict) else None)
        for entry in _items(service.get("env_file")):
            yield from _beside(path, entry.get("path") if isinstance(entry, dict) else entry)


def _beside(path: Path, names: Any) -> Iterator[Path]:
    for name in _items(names):
        if isinstance(name, str) and "$" not in name:
            yield Path(os.path.normpath(path.parent / name))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
