"""The events of a session as they come from its control API."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from bench.child import BenchError
from devbox.daemon.api.client import Client
from devbox.daemon.standing import Standing, reduce
from devbox.events import AppLog, BuildLog, Event, ReleaseServed, ReleaseStarted

_REMEMBERED = 500


class Follower:
    """Follows a session while the block runs: what happened how often, and how the project stands."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self._recent: deque[Event] = deque(maxlen=_REMEMBERED)
        self._news = asyncio.Event()
        self.standing = Standing()
        self.kinds: Counter[str] = Counter()
        self.strategies: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.last = 0

    async def until(self, wanted: Callable[[Event], bool], after: int, bound: float) -> Event:
        """The first event after `after` that is `wanted`; TimeoutError after `bound` seconds."""
        async with asyncio.timeout(bound):
            while True:
                for event in self._recent:
                    if event.seq > after and wanted(event):
                        return event
                await self._next()

    async def standing_by(self, since: int, bound: float) -> None:
        """Returns once a standby waits, as events up to `since` at least tell; TimeoutError after `bound`
        seconds."""
        async with asyncio.timeout(bound):
            while self.last < since or not self.standing.standby:
                await self._next()

    async def __aenter__(self) -> Follower:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _next(self) -> None:
        if self._task is None or self._task.done():
            raise BenchError("the session ended")
        self._news.clear()
        await self._news.wait()

    async def _follow(self) -> None:
        try:
            async for event in self._client.follow():
                self._heed(event)
        finally:
            # Whoever waits for an event is to see that none comes any more.
            self._news.set()

    def _heed(self, event: Event) -> None:
        self.last = event.seq
        self.standing = reduce(self.standing, event)
        self.kinds[event.kind] += 1
        match event:
            case ReleaseServed():
                self.strategies[event.strategy] += 1
            case ReleaseStarted() if event.reason:
                self.reasons[event.reason] += 1
            case _:
                pass
        if not isinstance(event, AppLog | BuildLog):
            self._recent.append(event)
        self._news.set()
