"""Which services of a folder a devbox runs, found without reading any settings."""

from __future__ import annotations

from pathlib import Path

from devbox.daemon.lock import runtime_directories, state_directory_of
from devbox.place import split
from devbox.report.glance import known_project


def running_services(root: Path) -> tuple[Path, ...]:
    """The places of those services of the folder `root` that a devbox runs, or left running when it was
    killed, by name."""
    folder = root.resolve()
    known = (known_project(state_directory_of(directory)) for directory in runtime_directories())
    places = sorted(project.root for project in known if project is not None and ":" in project.root)
    return tuple(place for place in map(Path, places) if split(place)[0] == folder)
