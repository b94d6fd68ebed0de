"""Keeps the event source watching the right directories, whatever happens to it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devbox.watch.hints import RECURSIVE, CannotWatch, EventSource
from devbox.watch.pace import restart_delay
from devbox.watch.values import Degraded
from devbox.watch.walk import Identity

_HEALTHY_SECONDS = 10.0


class Guard:
    """Arms `source` for what the last scan found, and again after every failure, after a growing delay.

    `restart_at` (seconds on the monotonic clock, infinity where all is well) is when `restart` is to be
    called; `tell` gets every trouble once until watching has been well for a while. A watch ends with its
    directory, and another directory of the same path and even the same inode number is not watched, so
    whatever hints at that makes `follow` start anew.
    """

    def __init__(
        self, source: EventSource, pool: ThreadPoolExecutor, tell: Callable[[Degraded], None], *, never: bool
    ) -> None:
        """`pool` must have a single worker, since `source` is not for two threads at once; with `never`
        nothing is watched."""
        self.restart_at = math.inf
        self._source = source
        self._pool = pool
        self._tell = tell
        self._never = never
        self._told: set[str] = set()
        self._wanted: tuple[Path, Mapping[str, Identity | None], frozenset[Path]] | None = None
        self._paths: frozenset[str] = frozenset()
        self._armed = False
        self._stale = False
        self._armed_at = -math.inf
        self._failures = 0

    @property
    def blind(self) -> bool:
        """Whether no events come at present, so that only looking shows what changed."""
        return not self._armed

    async def follow(self, root: Path, directories: Mapping[str, Identity], besides: frozenset[Path]) -> bool:
        """Watches these directories of the context at `root` and, besides, those that exist of the others;
        true where that changed what is watched, so that only another scan can tell what happened before."""
        wanted = (root, {"": directories.get("")} if RECURSIVE else directories, besides)
        if self._never or (self._armed and not self._stale and wanted == self._wanted):
            return False
        self._wanted = wanted
        return self.restart_at == math.inf and await self.restart()

    async def restart(self) -> bool:
        """Starts watching anew; false where the system refuses, which is told, or where nothing is wanted."""
        self.restart_at = math.inf
        if self._wanted is None:
            return False
        self._stale = False
        paths = watched_paths(*self._wanted)
        self._paths = frozenset(paths)
        try:
            trouble = await asyncio.wrap_future(self._pool.submit(self._source.arm, paths))
        except CannotWatch as refused:
            self._lost(refused.degraded, tell=True)
            return False
        self._armed = True
        self._armed_at = time.monotonic()
        if trouble is not None:
            self._tell_once(trouble)
        return True

    def moved(self, paths: frozenset[str]) -> None:
        """To be called with the paths that appeared or went."""
        self._stale = self._stale or not self._paths.isdisjoint(paths)

    def missed(self) -> None:
        """To be called when something changed of which no event told."""
        self._stale = True

    def failed(self, cause: str) -> None:
        """To be called when `source` says so. A single failure is made good at once and not worth telling."""
        degraded = Degraded(
            f"watching files failed: {cause}", "it is tried again; until it works, saves are seen later"
        )
        self._lost(degraded, tell=self._failures > 0)

    def _lost(self, degraded: Degraded, *, tell: bool) -> None:
        now = time.monotonic()
        if now - self._armed_at > _HEALTHY_SECONDS and self._armed:
            self._failures = 0
            self._told.clear()
        self._armed = False
        self._failures += 1
        self.restart_at = now + restart_delay(self._failures)
        if tell:
            self._tell_once(degraded)

    def _tell_once(self, degraded: Degraded) -> None:
        if degraded.reason not in self._told:
            self._told.add(degraded.reason)
            self._tell(degraded)


def watched_paths(root: Path, directories: Iterable[str], besides: Iterable[Path]) -> list[str]:
    """What is watched of the context at `root`, and besides."""
    if RECURSIVE:
        return [str(root)]  # directories outside of it are left to the backstop, lest a whole home is watched
    base = str(root)
    inside = (f"{base}/{path}" if path else base for path in directories)
    return list(dict.fromkeys((*inside, *map(str, besides))))
