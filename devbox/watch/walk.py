"""One walk over the build context; links are never followed."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from devbox.errors import ContextError
from devbox.model import Entry, Kind
from devbox.watch.contents import ScanStopped
from devbox.watch.ignore import ROOT, IgnoreRules, Verdict
from devbox.watch.statcache import StatCache

_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Identity(NamedTuple):
    """Which directory it is, whatever its path, as far as an inode number that may be used again tells."""

    device: int
    inode: int


class _Place(NamedTuple):
    """A directory to look into; `unsent` are the excluded ones above it that no entry has needed yet."""

    path: str
    verdict: Verdict
    unsent: tuple[tuple[str, Entry], ...]


class Walk:
    """Looks at everything below `root` that the rules do not exclude for good.

    Afterwards `entries` has what the builder gets, in no order, `skipped` the sockets with the reason, and
    `directories` every directory looked into, the root as ''. `verdicts` are those on every path seen, which
    the next walk under the same rules takes as `judged`.
    """

    def __init__(
        self,
        root: str,
        rules: IgnoreRules,
        cache: StatCache,
        judged: dict[str, Verdict],
        stop: threading.Event,
    ) -> None:
        self._root = root
        self._rules = rules
        self._cache = cache
        self._judged = judged
        self._stop = stop
        self.verdicts: dict[str, Verdict] = {}
        self.entries: dict[str, Entry] = {}
        self.skipped: list[tuple[str, str]] = []
        self.directories: dict[str, Identity] = {}

    def run(self) -> None:
        """Walks; raises ContextError for what cannot be sent or read, and ScanStopped."""
        places = [_Place("", ROOT, ())]
        while places:
            if self._stop.is_set():
                raise ScanStopped
            places += self._directory(places.pop())

    def look_into(self, directory: str, verdict: Verdict) -> set[str]:
        """Looks at one directory that is not excluded, and at nothing below those in it, which it gives;
        raises as `run` does."""
        return {place.path for place in self._directory(_Place(directory, verdict, ()))}

    def _directory(self, place: _Place) -> list[_Place]:
        try:
            directory = _open_directory(self._root, place.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            if place.path:
                return []  # gone, or something else, since its parent was read
            raise _gone(self._root, error) from error
        except OSError as error:
            if place.verdict.excluded:
                return []
            raise _unreadable(place.path, error) from error
        try:
            unsent = self._enter(place, os.fstat(directory))
            with os.scandir(directory) as items:
                return list(self._items(place, items, unsent))
        except OSError as error:
            raise _unreadable(place.path, error) from error
        finally:
            os.close(directory)

    def _enter(self, place: _Place, status: os.stat_result) -> tuple[tuple[str, Entry], ...]:
        self.directories[place.path] = Identity(status.st_dev, status.st_ino)
        if not place.path:
            return ()
        entry = _directory_entry(stat.S_IMODE(status.st_mode))
        if place.verdict.excluded:
            return (*place.unsent, (place.path, entry))
        self.entries.update(place.unsent)
        self.entries[place.path] = entry
        return ()

    def _items(
        self, place: _Place, items: Iterable[os.DirEntry[str]], unsent: tuple[tuple[str, Entry], ...]
    ) -> Iterator[_Place]:
        """Takes in what is no directory, gives the directories to look into later."""
        prefix = f"{place.path}/" if place.path else ""
        for item in items:
            path = prefix + item.name
            verdict = self._judged.get(path) or self._rules.judge(path, place.verdict)
            self.verdicts[path] = verdict
            if item.is_dir(follow_symlinks=False):
                if not self._rules.prunable(path, verdict):
                    yield _Place(path, verdict, unsent)
            elif not verdict.excluded:
                entry = self._entry(path, item)
                if entry is not None:
                    self.entries.update(unsent)
                    self.entries[path] = entry

    def _entry(self, path: str, item: os.DirEntry[str]) -> Entry | None:
        try:
            status = item.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            return self._cache.entry(path, status, self._stop)
        if stat.S_ISSOCK(status.st_mode):
            self.skipped.append((path, "a socket"))
            return None
        raise ContextError(
            f"{path} cannot be sent to the builder",
            path=path,
            cause="it is a named pipe" if stat.S_ISFIFO(status.st_mode) else "it is a device",
            hint="remove it, or keep it out of the build context with a line in .dockerignore",
        )


@lru_cache(maxsize=4096)
def _directory_entry(mode: int) -> Entry:
    return Entry(Kind.DIRECTORY, mode)


def _open_directory(root: str, path: str) -> int:
    if not path:
        return os.open(root, _DIRECTORY_FLAGS)
    full = os.path.join(root, path)  # noqa: PTH118 - thousands of Path objects would cost too much
    try:
        return os.open(full, _DIRECTORY_FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        if os.path.islink(full):  # noqa: PTH114 - as above
            raise NotADirectoryError(path) from error  # some systems say ELOOP
        raise


def _gone(root: str, error: OSError) -> ContextError:
    return ContextError(
        f"the build context {root} is gone",
        cause=error.strerror or str(error),
        hint="once it is back, it is built again; until then devbox down with that path ends what serves",
    )


def _unreadable(path: str, error: OSError) -> ContextError:
    return ContextError(
        f"the directory {path} cannot be read",
        path=path,
        cause=error.strerror or str(error),
        hint="put it right, or keep it out of the build context with a line in .dockerignore",
    )
