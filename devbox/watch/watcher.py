"""The disk as the daemon sees it: wake-ups when something may have changed, and snapshots on demand."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from devbox.errors import ContextError
from devbox.model import Snapshot
from devbox.watch.contents import Key, ScanStopped, key_of
from devbox.watch.guard import Guard
from devbox.watch.hinted import Hinted
from devbox.watch.hints import RECURSIVE, Events, EventSource
from devbox.watch.ignorefile import candidates
from devbox.watch.inbox import Inbox
from devbox.watch.mounts import why_poll
from devbox.watch.pace import backstop_interval
from devbox.watch.scanner import Scanner
from devbox.watch.values import Degraded, Hint, Look, Reason

_MORE_ROUNDS = 2
# Seconds that looking at everything may take before it is worth looking at less.
_QUICK = 0.02
_END_SECONDS = 2.0


class Watcher:
    """Watches the build context at `root` and a few files besides; an async context manager for one loop.

    The two threads it owns, one that reads the disk and one that waits for events, end with it.
    """

    def __init__(
        self,
        root: Path,
        *,
        dockerfile: Path | None = None,
        extra_files: Iterable[Path] = (),
        unwritten: bytes = b"",
        unheeded: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`dockerfile` and `unwritten` are as for Scanner; `extra_files` (settings, env files) may be
        anywhere or missing. Hints about paths that are `unheeded` hurry as little as those about ignored
        ones."""
        self._scanner = Scanner(root, dockerfile, unwritten)
        self.root = self._scanner.root
        self._extra = _statuses(self.root / path for path in extra_files)
        always = {self.root, self._scanner.dockerfile, *self._extra}
        always.update(candidates(self.root, self._scanner.dockerfile))
        self._besides = frozenset(path.parent for path in always)
        # The recursive way of watching reports where paths really are, the other one as they were given.
        self._seen_as = Path(os.path.realpath(self.root)) if RECURSIVE else self.root
        self._inbox = Inbox(
            str(self._seen_as),
            frozenset(map(str, always)),
            lambda path: self._scanner.ignores(path) or unheeded(path),
        )
        self._hinted = Hinted(str(self._seen_as), frozenset(map(str, always)))
        self._troubles: deque[Degraded] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="devbox-scan")
        self._source = EventSource(self._on_events, self._on_failure, self._inbox.concerns)
        poll = why_poll(str(self.root), os.environ)
        if poll:
            self._troubles.append(Degraded(poll, "saves are found by looking for them, which takes longer"))
        self._guard = Guard(self._source, self._pool, self._troubles.append, never=bool(poll))
        self._scanning = asyncio.Lock()
        self._stop = threading.Event()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looked_at = -math.inf
        self._unhinted = False
        self._digest = self._seen_whole = ""
        self._scan_seconds = 0.0
        self._whole = True

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        closed = self._pool.submit(self._source.close)
        self._pool.shutdown(wait=False)
        with suppress(TimeoutError):  # a file system that hangs must not keep devbox from ending
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.wrap_future(closed)

    async def scan(self) -> Snapshot:
        """The context as it is on disk, and watched from then on: whatever changes after it was read brings a
        look.

        One scan runs at a time, on a worker thread; a cancelled one ends between two files. Raises
        ContextError as Scanner.scan does.
        """
        async with self._scanning:
            return await self._everything()

    async def glance(self) -> tuple[Snapshot, bool]:
        """The context as far as the hints so far tell, and whether that is all of it; where it is not, a scan
        must follow, since hints get lost.

        In a small context it always is. Raises ContextError as Scanner.scan does.
        """
        async with self._scanning:
            return await self._glance()

    async def still(self, digest: str) -> bool:
        """Whether the context on disk has this digest now: a scan says so, this one or an earlier one after
        which no hint told otherwise. Raises ContextError as Scanner.scan does."""
        async with self._scanning:
            if self._seen_whole != digest:
                return (await self._everything()).digest == digest
            return (await self._glance())[0].digest == digest

    async def _everything(self) -> Snapshot:
        self._hinted.everything()
        snapshot, watched = await self._round()
        for _ in range(_MORE_ROUNDS):
            if watched:
                return snapshot
            self._hinted.everything()
            snapshot, watched = await self._round()
        if not watched:
            self._inbox.add(Hint(time.monotonic(), reason=Reason.RESTARTED))
            self._wake.set()
        return snapshot

    async def _glance(self) -> tuple[Snapshot, bool]:
        if not self._guard.blind and self._scan_seconds >= _QUICK:
            snapshot, watched = await self._round()
            if watched:
                return snapshot, self._whole
        return await self._everything(), True

    async def looks(self) -> AsyncGenerator[Look | Degraded, None]:
        """Says, for one consumer and without end, when to scan; and once each, why changes are seen late.

        A look comes some 20 ms after a single save and when a burst is over; every few seconds whatever
        happens (more often where events do not come); and at once where nothing was ever scanned. What came
        while nobody asked is one look.
        """
        while True:
            while self._troubles:
                yield self._troubles.popleft()
            now = time.monotonic()
            if now >= self._guard.restart_at:
                self._hinted.everything()
                if await self._guard.restart():
                    self._inbox.add(Hint(time.monotonic(), reason=Reason.RESTARTED))
                continue
            interval = backstop_interval(self._scan_seconds, polling=self._guard.blind)
            wait = min(self._inbox.due_in(now), self._looked_at + interval - now)
            if wait <= 0:
                yield await self._look(now)
            else:
                await self._pause(min(wait, self._guard.restart_at - now))

    def quiet_in(self) -> float:
        """Seconds until what came in so far is over, as far as can be told; 0 where nothing is going on."""
        due = self._inbox.due_in(time.monotonic())
        return due if math.isfinite(due) else 0.0

    async def _scan_once(self) -> Snapshot:
        self._stop = stop = threading.Event()
        near = self._hinted.take(self._scanner.directories)
        try:
            snapshot = None
            if near is not None:
                snapshot = await asyncio.wrap_future(self._pool.submit(self._scanner.scan_near, near, stop))
            self._whole = snapshot is None
            if snapshot is None:
                snapshot = await asyncio.wrap_future(self._pool.submit(self._timed_scan, stop))
                self._seen_whole = snapshot.digest
        except BaseException as error:
            stop.set()
            self._hinted.everything()
            if isinstance(error, ScanStopped):
                raise asyncio.CancelledError from error  # the watcher was closed under a scan
            raise
        finally:
            self._looked_at = time.monotonic()
        return snapshot

    def _timed_scan(self, stop: threading.Event) -> Snapshot:
        started, worked = time.monotonic(), time.thread_time()
        try:
            return self._scanner.scan(stop)
        finally:
            # A busy machine must not make the backstop rare, and a slow network must not be kept busy.
            waits = self._guard.blind
            self._scan_seconds = time.monotonic() - started if waits else time.thread_time() - worked

    async def _round(self) -> tuple[Snapshot, bool]:
        """A snapshot, and whether all that it shows was watched when it was taken."""
        try:
            snapshot = await self._scan_once()
        except ContextError:
            await self._follow()
            raise
        if self._unhinted and self._digest not in {"", snapshot.digest}:
            self._guard.missed()
        self._digest = snapshot.digest
        self._unhinted = False
        return snapshot, not await self._follow()

    async def _follow(self) -> bool:
        return await self._guard.follow(self._seen_as, self._scanner.directories, self._besides)

    async def _look(self, now: float) -> Look:
        self._looked_at = now
        burst = self._inbox.take(now)
        before = self._extra
        self._extra = await asyncio.wrap_future(self._pool.submit(_statuses, before))
        extra = tuple(path for path, status in self._extra.items() if status != before[path])
        self._unhinted = burst is None
        if burst is None:
            return Look(now, now, Reason.BACKSTOP, extra_files=extra)
        return Look(burst.first_seen, burst.last_seen, burst.reason, burst.paths, burst.count, extra)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _on_events(self, events: Events) -> None:
        def take() -> None:
            self._guard.moved(events.moved)
            self._hinted.add(events.paths)
            self._inbox.events(events.at, events.paths)

        self._in_loop(take)

    def _on_failure(self, cause: str) -> None:
        def take() -> None:
            self._guard.failed(cause)
            self._hinted.everything()

        self._in_loop(take)

    def _in_loop(self, action: Callable[[], None]) -> None:
        def act() -> None:
            action()
            self._wake.set()

        if self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed first
                self._loop.call_soon_threadsafe(act)


def _statuses(paths: Iterable[Path]) -> Mapping[Path, Key | None]:
    statuses: dict[Path, Key | None] = {}
    for path in paths:
        try:
            statuses[path] = key_of(path.stat())
        except OSError:
            statuses[path] = None
    return statuses
