"""The build context by name, size and time, nothing read: quick also where there is far too much of it."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from devbox.model import Entry, Kind, Snapshot
from devbox.watch import ignorefile
from devbox.watch.contents import ScanStopped
from devbox.watch.guard import watched_paths
from devbox.watch.hints import CannotWatch, EventSource
from devbox.watch.ignore import IgnoreRules
from devbox.watch.statcache import StatCache
from devbox.watch.values import Degraded
from devbox.watch.walk import Walk


@dataclass(frozen=True, slots=True)
class Survey:
    """What a builder would be sent, without any digest; `directories` are those that a watcher watches, the
    context itself as ''. `ignore_file` is the name of the file whose lines count, relative to the folder
    `ignore_folder`."""

    snapshot: Snapshot
    directories: tuple[str, ...]
    ignore_file: str
    ignore_folder: Path


def survey(root: Path, dockerfile: Path, stop: threading.Event, unwritten: bytes = b"") -> Survey | None:
    """Walks over the context at `root`; None soon after `stop` is set. Takes the rest as Scanner does. Raises
    ContextError as a scan does."""
    ignored = ignorefile.read(root, dockerfile, unwritten)
    rules = IgnoreRules(ignored.data, file=ignored.name)
    walk = Walk(str(root), rules, _Unread(str(root)), {}, stop)
    try:
        walk.run()
    except ScanStopped:
        return None
    entries = MappingProxyType(dict(sorted(walk.entries.items())))
    beside = ignored.name != ".dockerignore"
    return Survey(
        Snapshot(entries, "", tuple(sorted(walk.skipped))),
        tuple(walk.directories),
        ignored.name,
        dockerfile.parent if beside else root,
    )


def has_rules(root: Path, dockerfile: Path) -> bool:
    """Whether an ignore file leaves anything out of the context at `root`, or might; reads it. Raises
    ContextError as a scan does."""
    ignored = ignorefile.read(root, dockerfile)
    return not IgnoreRules(ignored.data, file=ignored.name).empty


def try_watching(root: Path, directories: Iterable[str]) -> Degraded | None:
    """Watches directories of the context for a moment; why the system refuses, None where it does not.

    Blocks for some milliseconds.
    """
    source = EventSource(lambda _: None, lambda _: None, lambda _: False)
    try:
        return source.arm(watched_paths(root, directories, ()))
    except CannotWatch as refused:
        return refused.degraded
    finally:
        source.close()


class _Unread(StatCache):
    """Makes entries of what lstat tells."""

    def entry(self, path: str, status: os.stat_result, stop: threading.Event) -> Entry | None:  # noqa: ARG002
        """The entry of a file or link, its content unknown."""
        if stat.S_ISLNK(status.st_mode):
            return Entry(Kind.SYMLINK, 0o777)
        mode = stat.S_IMODE(status.st_mode)
        return Entry(Kind.FILE, mode, "", status.st_size, int(status.st_mtime))
