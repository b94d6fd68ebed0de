"""PATH:SERVICE: the notation for one of several developed services of a compose file.

A place is what a session is known by, its lock, its sockets and its journal: a folder, or a folder and a
service of it.
"""

from __future__ import annotations

from pathlib import Path


def split(path: Path) -> tuple[Path, str]:
    """The folder and the service that a path names, '' for none.

    A path that is there is a folder whatever it is called; so is one where nothing before the colon is one.
    """
    folder, colon, service = str(path).rpartition(":")
    if colon and service and "/" not in service and not path.exists() and Path(folder or ".").is_dir():
        return Path(folder or "."), service
    return path, ""


def place_of(root: Path, service: str) -> Path:
    """The place of a service of the project in `root`."""
    return Path(f"{root}:{service}")


def canonical(path: Path) -> Path:
    """The same place by its real folder, so that it is one place however it is typed; a folder as it is."""
    folder, service = split(path)
    return place_of(folder.resolve(), service) if service else path
