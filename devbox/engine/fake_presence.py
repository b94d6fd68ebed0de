"""Whether the fake engine is there, and who listens to what happens on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import TypeVar

from devbox.engine.fake_container import FakeContainer
from devbox.engine.values import EngineEvent
from devbox.errors import EngineUnreachable
from devbox.model import LABEL_PROJECT

T = TypeVar("T")


class Presence:
    """There, gone for a while, or `closed`."""

    def __init__(self) -> None:
        self.closed = False
        self._gone = asyncio.Event()

    def lose(self) -> None:
        """From now on `check` raises, and what waits is woken with the same error."""
        self._gone.set()

    def restore(self) -> None:
        """There again."""
        self._gone = asyncio.Event()

    def check(self) -> None:
        """Raises EngineUnreachable unless the engine is there."""
        if self.closed:
            raise EngineUnreachable("the engine is closed", cause="devbox has ended its use of it")
        if self._gone.is_set():
            raise EngineUnreachable("the fake engine is gone", cause="the test said so")

    async def unless_gone(self, work: Coroutine[object, object, T]) -> T:
        """The result of `work`; raises EngineUnreachable when the engine goes first."""
        gone = asyncio.ensure_future(self._gone.wait())
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({gone, task}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self.check()
            return await task
        finally:
            gone.cancel()
            task.cancel()


class Listeners:
    """Everybody who listens to the fake engine's events."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[EngineEvent | None]] = set()

    def tell(self, action: str, container: FakeContainer) -> None:
        """Tells all of something that happened to a container, if it is one of ours."""
        ours = {key: value for key, value in container.labels.items() if key.startswith("dev.devbox.")}
        if LABEL_PROJECT in ours:
            for queue in self._queues:
                ended = container.exit_status if action == "die" else None
                queue.put_nowait(EngineEvent(action, container.id, ours, ended))

    def end(self) -> None:
        """Ends every stream of events."""
        for queue in self._queues:
            queue.put_nowait(None)

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        """What is told from now on."""
        queue: asyncio.Queue[EngineEvent | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues.discard(queue)
