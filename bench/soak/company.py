"""Clients that follow a session: some stay all the while, others come and go, one never reads."""

from __future__ import annotations

import asyncio
import os

from bench.child import Child
from bench.soak.running import Running
from bench.soak.window import Window
from devbox.daemon.api import SOCKET
from devbox.daemon.lock import runtime_directory

_LEAVES_WITHIN = 10.0
_COMES = 20.0
_REQUEST = b"GET /v1/events/follow HTTP/1.1\r\nHost: devbox\r\nAccept: text/event-stream\r\n\r\n"


class Company:
    """Ends everybody with `close`."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._staying: Child | None = None
        self._window: Window | None = None
        self._program: Child | None = None
        self._second: Window | None = None
        self._page: asyncio.StreamWriter | None = None
        self._deaf: asyncio.StreamWriter | None = None
        self.came = 0

    async def open(self) -> None:
        """Those who stay."""
        self._staying = await self._running.begin("events", "-f")
        self._window = await Window.open(self._running.app.folder)

    @property
    def processes(self) -> dict[str, int]:
        """The process ids of those who stay."""
        found = {"devbox events -f": self._staying, "window": self._window}
        return {name: each.pid for name, each in found.items() if each is not None}

    async def turn(self, number: int) -> None:
        """Lets those come and go whose turn it is before rebuild `number`."""
        if number % 5 == 1:
            self._program = await self._running.begin("events", "-f")
            self.came += 1
        elif number % 5 == 4 and self._program is not None:
            await self._program.stop(_LEAVES_WITHIN)
        if number % 4 == 2:
            await self._leave(self._page)
            self._page = await self._connect(reads=True)
        if number % 25 == 3:
            self._deaf = await self._connect(reads=False)
        if number % 25 == 10:
            self._second = await Window.open(self._running.app.folder)
            self.came += 1
        elif number % 25 == 12:
            await self._close_second()

    async def leave(self) -> None:
        """Those who come and go are gone."""
        if self._program is not None:
            await self._program.stop(_LEAVES_WITHIN)
        await self._close_second()
        for writer in (self._page, self._deaf):
            await self._leave(writer)
        self._page = self._deaf = None

    async def close(self) -> None:
        """Nobody is there any more."""
        await self.leave()
        staying, self._staying = self._staying, None
        window, self._window = self._window, None
        if staying is not None:
            await staying.stop(_LEAVES_WITHIN)
        if window is not None:
            await window.close()

    async def _close_second(self) -> None:
        second, self._second = self._second, None
        if second is not None:
            await second.close()

    async def _connect(self, *, reads: bool) -> asyncio.StreamWriter:
        self.came += 1
        path = runtime_directory(self._running.app.folder) / SOCKET
        async with asyncio.timeout(_COMES):
            reader, writer = await asyncio.open_unix_connection(os.fspath(path))
            writer.write(_REQUEST)
            if reads:
                await reader.readuntil(b"\n\n")
            else:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
        return writer

    async def _leave(self, writer: asyncio.StreamWriter | None) -> None:
        if writer is not None:
            # As a browser does: without a word, with much unread.
            writer.transport.abort()
