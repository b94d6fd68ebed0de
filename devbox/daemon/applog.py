"""Following what containers write, each by a task of its own."""

from __future__ import annotations

import asyncio
import time

from devbox.daemon.raised import Exceptions
from devbox.daemon.work import Source
from devbox.engine.protocol import Engine
from devbox.errors import EngineError
from devbox.events import AppLog, Emit
from devbox.release.standby.wire import MARKER

_LAST_LINES_BOUND = 1.0
LINES_A_SECOND = 2000


class Allowance:
    """How many lines may be shown: an application that writes without end must not keep devbox from its
    work, nor its last words of a second from being counted."""

    def __init__(self) -> None:
        self._second = -1
        self._left = LINES_A_SECOND
        self._dropped = 0

    def dropped_before(self, now: float) -> int:
        """Begins a new second where it is time to; the lines that went unshown in the one before."""
        if int(now) == self._second:
            return 0
        dropped, self._dropped = self._dropped, 0
        self._second, self._left = int(now), LINES_A_SECOND
        return dropped

    def spend(self) -> bool:
        """Whether one more line may be shown."""
        if self._left:
            self._left -= 1
            return True
        self._dropped += 1
        return False


class LogFollowers:
    """One follower a container; each ends with its container, all of them with `close`."""

    def __init__(self, engine: Engine, emit: Emit) -> None:
        self._engine = engine
        self._emit = emit
        self._exceptions = Exceptions(emit)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, container: str, revision: int, tail: int | None = None, since: float = 0.0) -> None:
        """Emits every line from the container's first one on (or its last `tail`, or those written `since` so
        many seconds after the epoch) until it ends."""
        known = self._tasks.get(container)
        if known is None or known.done():
            task = self._tasks[container] = asyncio.create_task(self._run(container, revision, tail, since))
            # Nobody finishes the follower of a container that never came to serve.
            task.add_done_callback(lambda ended: self._let_go(container, ended))

    def served_by(self, container: str, source: Source) -> None:
        """From now on exceptions in this container's log are told with their place in the project, which
        `source` was read from, and those of no other."""
        self._exceptions.served_by(container, source)

    async def finish(self, container: str) -> None:
        """Waits for the last lines of a container that has ended, 1 s at most, then stops following."""
        task = self._tasks.pop(container, None)
        if task is not None:
            await asyncio.wait({task}, timeout=_LAST_LINES_BOUND)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """Ends every follower."""
        tasks = tuple(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._exceptions.close()

    def _let_go(self, container: str, ended: asyncio.Task[None]) -> None:
        if self._tasks.get(container) is ended:
            del self._tasks[container]

    async def _run(self, container: str, revision: int, tail: int | None, since: float) -> None:
        try:
            allowance = Allowance()
            async for piece in self._engine.logs(container, follow=True, tail=tail, since=since):
                if piece.line.startswith(MARKER):
                    continue
                dropped = allowance.dropped_before(time.monotonic())
                if dropped:
                    line = f"({dropped} lines not shown: devbox shows {LINES_A_SECOND} a second)"
                    self._emit(AppLog(revision=revision, stream="stderr", line=line))
                if allowance.spend():
                    self._emit(AppLog(revision=revision, stream=piece.stream, line=piece.line))
                    self._exceptions.feed(container, revision, piece.line)
        except EngineError:
            # The engine went away, or the container was removed: others notice and say so.
            return
