"""A command inside a container with somebody at its terminal: POST /exec/{id}/start, upgraded."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import Iterable
from functools import partial

from docker import APIClient

from devbox.engine import facts
from devbox.engine.calls import Calls
from devbox.engine.connections import Terminal
from devbox.engine.decode import Frames, Stream
from devbox.engine.translate import translated
from devbox.engine.transport import Transport
from devbox.engine.upgrade import Upgraded, Upgrades

# Output that nobody takes is left to the engine, and then to the command, which waits.
_MOST_WAITING = 1024 * 1024


class _Connection(Upgraded):
    """Bytes both ways; those of a command without a terminal come in frames."""

    def __init__(self, sock: socket.socket, *, framed: bool) -> None:
        super().__init__(sock)
        self._frames = Frames() if framed else None
        self._parts: deque[tuple[Stream, bytes]] = deque()
        self._waiting = 0
        self._writable = asyncio.Event()
        self._writable.set()

    def begun(self) -> None:
        """Nothing is to be done before the first output."""

    def received(self, data: bytes) -> None:
        whole: Iterable[tuple[Stream, bytes]] = [("stdout", data)]
        for stream, part in whole if self._frames is None else self._frames.feed(data):
            self._parts.append((stream, part))
            self._waiting += len(part)
        if self._waiting >= _MOST_WAITING and self.transport is not None:
            self.transport.pause_reading()
        self._readable.set()

    def finished(self, exc: Exception | None) -> None:
        self.error = self.error or exc
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def send(self, data: bytes) -> None:
        """Returns once there is room for more; what comes after the end is dropped."""
        if self.transport is None or self.lost.done():
            return
        if data:
            self.transport.write(data)
        elif self.transport.can_write_eof():
            self.transport.write_eof()
        await self._writable.wait()

    async def part(self) -> tuple[Stream, bytes] | None:
        """The next output, None once there is no more; raises why the connection broke."""
        while not self._parts:
            if self.error is not None:
                raise self.error
            if self.lost.done():
                return None
            self._readable.clear()
            await self._readable.wait()
        stream, part = self._parts.popleft()
        self._waiting -= len(part)
        if self._waiting < _MOST_WAITING and self.transport is not None and not self.lost.done():
            self.transport.resume_reading()
        return stream, part


class RunningCommand:
    """A `Console` of the real engine."""

    def __init__(self, connection: _Connection, calls: Calls, transport: Transport, command: str) -> None:
        self._connection, self._calls, self._transport = connection, calls, transport
        self._command = command

    async def send(self, data: bytes) -> None:
        """Hands bytes to its standard input; none end it."""
        await self._connection.send(data)

    async def part(self) -> tuple[Stream, bytes] | None:
        """Its next output, None once it has ended; raises EngineUnreachable."""
        with translated("the command's connection broke off", self._transport.address.url):
            return await self._connection.part()

    async def resize(self, terminal: Terminal) -> None:
        """Tells it the terminal's size."""
        with translated("cannot tell the terminal's size", self._transport.address.url):
            client = self._transport.client
            await self._calls.run(
                lambda: client.exec_resize(self._command, height=terminal.rows, width=terminal.columns)
            )

    async def status(self) -> int:
        """Its exit status, once it has ended."""
        with translated("cannot ask how the command ended", self._transport.address.url):
            client = self._transport.client
            return int((await self._calls.run(lambda: client.exec_inspect(self._command)))["ExitCode"] or 0)

    async def close(self) -> None:
        """Leaves; the command's input ends, and with its terminal the command."""
        await self._connection.close()


class Consoles:
    """The commands of one adapter: each ends with its own `close`, or with `close` here."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._upgrades: Upgrades[_Connection] = Upgrades(calls)

    async def open(
        self, transport: Transport, container: str, command: tuple[str, ...], terminal: Terminal | None
    ) -> RunningCommand:
        """Begins a command in a container that runs; raises NotFound, Conflict, EngineRefused,
        EngineUnreachable."""
        what = f"cannot run a command in {facts.short(container)}"
        with translated(what, transport.address.url):
            made = await self._calls.run(
                partial(_create, transport.client, container, command, tty=terminal is not None)
            )
        body = json.dumps({"Detach": False, "Tty": terminal is not None}).encode()
        connection = await self._upgrades.open(
            transport,
            partial(_Connection, framed=terminal is None),
            f"/exec/{made}/start",
            [("Upgrade", "tcp"), ("Content-Type", "application/json")],
            what,
            body,
        )
        running = RunningCommand(connection, self._calls, transport, made)
        if terminal is not None:
            await running.resize(terminal)
        return running

    async def close(self) -> None:
        """Ends all."""
        await self._upgrades.close()


def _create(client: APIClient, container: str, command: tuple[str, ...], *, tty: bool) -> str:
    made = client.exec_create(container, list(command), stdin=True, tty=tty)
    return str(made["Id"])
