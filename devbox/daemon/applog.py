"""Following what containers write, each by a task of its own."""

from __future__ import annotations

import asyncio

from devbox.engine.protocol import Engine
from devbox.errors import EngineError
from devbox.events import AppLog, Emit

_LAST_LINES_BOUND = 1.0


class LogFollowers:
    """One follower a container; each ends with its container, all of them with `close`."""

    def __init__(self, engine: Engine, emit: Emit) -> None:
        self._engine = engine
        self._emit = emit
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, container: str, revision: int, tail: int | None = None) -> None:
        """Emits every line from the container's first one on (or its last `tail`) until it ends."""
        known = self._tasks.get(container)
        if known is None or known.done():
            self._tasks[container] = asyncio.create_task(self._run(container, revision, tail))

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

    async def _run(self, container: str, revision: int, tail: int | None) -> None:
        try:
            async for piece in self._engine.logs(container, follow=True, tail=tail):
                self._emit(AppLog(revision=revision, stream=piece.stream, line=piece.line))
        except EngineError:
            # The engine went away, or the container was removed: others notice and say so.
            return
