"""Whether what a compose file has put into the container (`develop.watch`) is what the image brings. Pure."""

from __future__ import annotations

import os
import posixpath

from devbox.build.origin import Origins
from devbox.compose.values import Compose, Sync
from devbox.daemon.work import Source


def unsynced(compose: Compose, source: Source) -> tuple[str, ...]:
    """A sentence for each `sync` that puts files where no COPY brings them: left out, since what runs is the
    image, and what would bring them. All others are what devbox does anyway, staged while the image is
    built."""
    config = source.config
    origins = Origins(source.dockerfile, config.build_args, config.target, source.snapshot.entries)
    return tuple(
        f"{compose.file}: develop.watch syncs {os.path.relpath(sync.path, config.root)} to {sync.target}, "
        "where no COPY of the Dockerfile brings it: left out, as what runs is the image; "
        f"{_next_step(sync, source)}"
        for sync in compose.syncs
        if not _brought(sync, source, origins)
    )


def _next_step(sync: Sync, source: Source) -> str:
    path = _in_context(sync, source)
    if path:
        return f"the line COPY {path} {sync.target} brings it"
    beside = os.path.relpath(sync.path, source.config.root).replace(os.sep, "/")
    return f"it lies outside of the build context: mount it, with the volume ./{beside}:{sync.target}"


def _in_context(sync: Sync, source: Source) -> str:
    """What is synced as a path of the build context, '' where it lies outside."""
    path = os.path.relpath(sync.path, source.config.context).replace(os.sep, "/")
    return "" if path == ".." or path.startswith("../") else path


def _brought(sync: Sync, source: Source, origins: Origins) -> bool:
    path = _in_context(sync, source)
    if not path:
        return False
    below = "" if path == "." else f"{path}/"
    entries = source.snapshot.entries
    sample = path if path in entries and entries[path].digest else _first_file(source, below)
    if not sample:
        # Nothing is there yet that could be brought.
        return True
    rest = sample.removeprefix(below) if sample != path else ""
    places = (posixpath.join(sync.target, rest), posixpath.join(sync.target, posixpath.basename(sample)))
    return any(origins.path_of(place) == sample for place in places)


def _first_file(source: Source, below: str) -> str:
    entries = source.snapshot.entries
    return next((name for name in entries if name.startswith(below) and entries[name].digest), "")
