"""Entries remembered from scan to scan, so that only what may have changed is read again."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from dataclasses import dataclass

from devbox.errors import ContextError
from devbox.model import Entry, Kind
from devbox.watch.contents import Key, NotRegular, key_of, link_digest, read_file

_YOUNG_NS = 2_000_000_000
_LOOKS = 3
_SOMETHING_ELSE = frozenset({errno.ELOOP, errno.EINVAL, errno.ENXIO})  # link, no link, socket


@dataclass(frozen=True, slots=True)
class _Known:
    """`settled` where the path was left alone long enough before it was read: any write after that shows in
    the key, even where time stamps tell only seconds apart."""

    key: Key
    entry: Entry
    settled: bool


class StatCache:
    """Entries of files and links by path, relative to `root`. What a scan did not ask for is forgotten when
    it commits; a scan that does not commit changes nothing."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._before: dict[str, _Known] = {}
        self._now: dict[str, _Known] = {}

    def begin(self) -> None:
        """Starts a scan."""
        self._now = {}

    def commit(self) -> None:
        """Ends a scan that looked at everything."""
        self._before, self._now = self._now, {}

    def keep(self) -> None:
        """Ends a scan that looked at a part: what it did not ask for is as it was."""
        self._before.update(self._now)
        self._now = {}

    def entry(self, path: str, status: os.stat_result, stop: threading.Event) -> Entry | None:
        """The entry of the file or link that lstat just found; None where it is gone or something else now.

        What is written while it is read is read again, three times at most; the last reading then counts
        until the next scan, which does not trust it. Raises ContextError where it cannot be read, and
        ScanStopped.
        """
        known = self._before.get(path)
        if known is None or not known.settled or known.key != key_of(status):
            fresh = self._look(path, status, stop)
            if fresh is None:
                return None
            if known is not None and known.entry == fresh.entry:
                fresh = _Known(fresh.key, known.entry, fresh.settled)  # equal objects make comparing cheap
            known = fresh
        self._now[path] = known
        return known.entry

    def _look(self, path: str, status: os.stat_result, stop: threading.Event) -> _Known | None:
        full = os.path.join(self._root, path)  # noqa: PTH118 - thousands of Path objects would cost too much
        known = None
        try:
            for _ in range(_LOOKS):
                started = time.time_ns()
                found = _read(full, status, stop)
                if found is not None:
                    entry, status, steady = found
                    newest = max(status.st_mtime_ns, status.st_ctime_ns)
                    known = _Known(key_of(status), entry, steady and started - newest > _YOUNG_NS)
                    if steady:
                        return known
                status = os.lstat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ContextError(
                f"{path} cannot be read",
                path=path,
                cause=error.strerror or str(error),
                hint="make it readable, or keep it out of the build context with a line in .dockerignore",
            ) from error
        return known


def _read(
    full: str, status: os.stat_result, stop: threading.Event
) -> tuple[Entry, os.stat_result, bool] | None:
    """The entry, the status that belongs to it, and whether nobody wrote meanwhile; None where it is
    something else than `status` says."""
    try:
        if stat.S_ISLNK(status.st_mode):
            return Entry(Kind.SYMLINK, 0o777, link_digest(full)), status, True
        if stat.S_ISREG(status.st_mode):
            reading = read_file(full, stop)
            mode = stat.S_IMODE(reading.status.st_mode)
            size, mtime = reading.status.st_size, int(reading.status.st_mtime)
            return Entry(Kind.FILE, mode, reading.digest, size, mtime), reading.status, reading.steady
    except NotRegular:
        pass
    except OSError as error:
        if error.errno not in _SOMETHING_ELSE:
            raise
    return None
