"""Requests that never stop: one every few milliseconds, whatever became of the last one."""

from __future__ import annotations

import asyncio
import time
from itertools import cycle
from types import TracebackType
from urllib.parse import urlsplit

from bench.connections import Connections
from bench.figures import Request

EVERY = 0.005
REQUEST_BOUND = 10.0


class Load:
    """Sends GET `url` every `every` seconds from entering to leaving, in turns on a new connection and on
    one that was kept alive.

    Nothing is retried, and no request waits for another. Leaving waits for the answers still under way,
    each of which may take `REQUEST_BOUND` seconds.
    """

    def __init__(self, url: str, every: float = EVERY) -> None:
        self._connections = _connections(url)
        self._every = every
        self._requests: list[Request] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._wanted = ""
        self._first: asyncio.Future[Request] | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request that has ended, in the order of its end."""
        return tuple(self._requests)

    async def first(self, wanted: str, bound: float) -> Request:
        """The first request, ending from now on, whose answer holds `wanted`; TimeoutError after `bound`."""
        self._wanted = wanted
        self._first = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(bound):
            return await self._first

    async def __aenter__(self) -> Load:
        self._pump = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if error is not None:
            for task in self._under_way:
                task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._connections.close()

    async def _send(self) -> None:
        due = time.monotonic()
        for kept in cycle((False, True)):
            task = asyncio.create_task(self._one(kept))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            # A tick that was missed is left out: a burst of connections would be another load.
            due = max(due + self._every, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def _one(self, kept: bool) -> None:
        request = await _measured(self._connections, kept)
        self._requests.append(request)
        if self._first is not None and not self._first.done() and self._wanted in (request.body or ""):
            self._first.set_result(request)


async def ask(url: str) -> Request:
    """One GET on a new connection; anything but a complete 200 within `REQUEST_BOUND` has no body."""
    return await _measured(_connections(url), kept=False)


async def _measured(connections: Connections, kept: bool) -> Request:
    sent = time.monotonic()
    try:
        async with asyncio.timeout(REQUEST_BOUND):
            body = await connections.get(kept=kept)
    except (OSError, EOFError, TimeoutError, ValueError):
        body = None
    return Request(sent, time.monotonic(), body, kept)


def _connections(url: str) -> Connections:
    parts = urlsplit(url)
    return Connections(parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/")
