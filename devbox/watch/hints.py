"""File events of the operating system: the only importer of watchfiles.

Directories are watched one by one and not recursively (except on macOS, where a tree costs no more than a
directory): recursively, 20,000 ignored files in 2,000 directories took 2,001 inotify watches, 60 to 100 ms to
arm and 0.35 s of CPU each time all of them were rewritten, and one by one none of it. Taking another set of
200 directories instead takes 2.4 ms, and whoever asks for it scans once more afterwards, which finds what
happened in new directories before they were watched.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from devbox.watch.values import Degraded

RECURSIVE = sys.platform == "darwin"

# Looking for events every so many milliseconds until so many have passed without one. Every 5 ms takes 0.8 %
# of a core, every 10 half of that.
_PACES_MS = ((5, 15_000), (10, 120_000))
_SLOWEST_MS = 20
_WITHOUT_END = 0
_GROUP_MS = 20
_MODIFIED = 2
_ATTEMPTS = 3
_JOIN_SECONDS = 1.0
_LIMITS = Path("/proc/sys/fs/inotify")
_LIMIT_ADVISED = {"max_user_watches": 524288, "max_user_instances": 512}


@dataclass(frozen=True, slots=True)
class Events:
    """Absolute paths about which something came, reported `at` (seconds on the monotonic clock); `moved` are
    those that appeared or went."""

    at: float
    paths: frozenset[str]
    moved: frozenset[str]


class CannotWatch(Exception):
    """The operating system refuses to watch; `degraded` says it in words. It never leaves this room."""

    def __init__(self, degraded: Degraded) -> None:
        super().__init__(degraded.reason)
        self.degraded = degraded


class EventSource:
    """Watches a set of directories until it is given another one or closed; owns the thread that waits.

    `on_events` and `on_failure(cause)` are called on that thread; after a failure nothing comes any more
    until `arm` is called again. A write is reported within about 10 ms, within 20 ms when nothing happened
    for 15 seconds to a path that `concerns` us, and within 40 ms after two minutes. Not for two threads at
    once.
    """

    def __init__(
        self,
        on_events: Callable[[Events], None],
        on_failure: Callable[[str], None],
        concerns: Callable[[str], bool],
    ) -> None:
        self._on_events = on_events
        self._on_failure = on_failure
        self._concerns = concerns
        self._waiting: _Waiting | None = None

    def arm(self, directories: Iterable[str]) -> Degraded | None:
        """Watches these from now on, without a gap to what was watched before; blocks for some milliseconds.

        What is gone or must not be read is passed over, and so is a name that is no UTF-8, which the answer
        then says. Raises CannotWatch.
        """
        wanted = list(directories)
        possible = [path for path in wanted if _is_text(path)]
        notifier = _notifier(possible)
        former, self._waiting = self._waiting, None
        if notifier is not None:
            self._waiting = _Waiting(notifier, self._on_events, self._on_failure, self._concerns)
        if former is not None:
            former.end()
        if len(possible) == len(wanted):
            return None
        return Degraded(
            f"{len(wanted) - len(possible)} directories whose names are no UTF-8 cannot be watched",
            "they are looked at every few seconds; rename them to have changes in them seen at once",
        )

    def close(self) -> None:
        """Ends the watching and its thread within milliseconds."""
        if self._waiting is not None:
            self._waiting.end()
            self._waiting = None


class _Waiting:
    def __init__(
        self,
        notifier: RustNotify,
        on_events: Callable[[Events], None],
        on_failure: Callable[[str], None],
        concerns: Callable[[str], bool],
    ) -> None:
        self._notifier = notifier
        self._on_events = on_events
        self._on_failure = on_failure
        self._concerns = concerns
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="devbox-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(_JOIN_SECONDS)
        self._notifier.close()

    def _wait(self) -> None:
        concerned = time.monotonic()
        while not self._stop.is_set():
            step, patience = _pace(1000 * (time.monotonic() - concerned))
            try:
                changes = self._notifier.watch(_GROUP_MS, step, patience, self._stop)
            except (WatchfilesRustInternalError, OSError) as error:
                if not self._stop.is_set():
                    self._on_failure(str(error))
                return
            if isinstance(changes, str):
                continue
            now = time.monotonic()
            paths = frozenset(path for _, path in changes)
            if any(self._concerns(path) for path in paths):
                concerned = now
            moved = frozenset(path for change, path in changes if change != _MODIFIED)
            self._on_events(Events(now, paths, moved))


def _pace(quiet: float) -> tuple[int, int]:
    """How often to look after `quiet` milliseconds, and for how long so, both in milliseconds."""
    for step, until in _PACES_MS:
        if quiet < until:
            return step, math.ceil(until - quiet)
    return _SLOWEST_MS, _WITHOUT_END


def _notifier(directories: list[str]) -> RustNotify | None:
    for _ in range(_ATTEMPTS):
        if not directories:
            return None
        try:
            return RustNotify(
                directories,
                debug=False,
                force_polling=False,
                poll_delay_ms=0,
                recursive=RECURSIVE,
                ignore_permission_denied=False,  # with True a limit that is reached goes unsaid as well
            )
        except (FileNotFoundError, PermissionError):
            directories = [path for path in directories if os.access(path, os.R_OK)]
        except (OSError, WatchfilesRustInternalError) as error:
            raise CannotWatch(_refusal(str(error))) from error
    raise CannotWatch(
        Degraded(
            "directories vanish faster than they can be watched", "they are watched as soon as they stay"
        )
    )


def _refusal(cause: str) -> Degraded:
    for sign, limit in (("watch limit", "max_user_watches"), ("Too many open files", "max_user_instances")):
        if sign in cause:
            try:
                now = int((_LIMITS / limit).read_text())
            except (OSError, ValueError):
                break
            return Degraded(
                f"the system's limit fs.inotify.{limit} = {now} is reached",
                f"raise it: sudo sysctl fs.inotify.{limit}={max(2 * now, _LIMIT_ADVISED[limit])};"
                " until then files are looked at in short intervals",
            )
    return Degraded(f"the system refuses to watch files: {cause}", "files are looked at in short intervals")


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
