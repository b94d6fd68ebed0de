"""Which files a compose project is read from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from devbox.compose.values import Wanted

# The names that Compose looks for, in its order.
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = tuple(
    f"{stem}.override.{ending}" for stem in ("compose", "docker-compose") for ending in ("yml", "yaml")
)
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
    return (found, *(root / name for name in OVERRIDES if (root / name).is_file()))
