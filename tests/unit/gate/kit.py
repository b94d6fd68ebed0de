"""Backends and clients for the gate's tests: small, on real sockets, strict about how things end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from devbox.gate.client import GateClient, connect
from devbox.model import Backend

BOUND = 10.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def spawn(path: Path, prelude: str = "") -> None:
    """Start a gate that runs `prelude` first."""
    code = f"{prelude}\nimport sys\nfrom devbox.gate.__main__ import main\nsys.exit(main([{str(path)!r}]))"
    with path.with_suffix(".log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=log)
    assert await asyncio.wait_for(process.wait(), BOUND) == 0, path.with_suffix(".log").read_text()


async def launch(path: Path, prelude: str = "") -> GateClient:
    """A client of a gate that ran `prelude` first."""
    await spawn(path, prelude)
    client = await connect(path)
    assert client is not None
    return client


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    """Poll until `true`; TimeoutError after BOUND seconds."""
    async with asyncio.timeout(BOUND):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.002)


async def until_open(gate: GateClient, wanted: int) -> None:
    """Until the gate has `wanted` open connections."""

    async def so_many() -> bool:
        return sum(route.open for route in (await gate.hello()).routes) == wanted

    await until(so_many)


async def until_served_by(gate: GateClient, backend: Backend, wanted: int) -> None:
    """Until `wanted` connections are with `backend`, which a drain of no time counts."""

    async def so_many() -> bool:
        return (await gate.drain([backend], quiet=0, bound=0)).remaining == wanted

    await until(so_many)


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens just now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@contextlib.asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[Backend]:
    """A backend on 127.0.0.1 that handles each connection with `handler`, and closes all at the end."""
    writers: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            writers.discard(writer)

    server = await asyncio.start_server(handle, "127.0.0.1", port, backlog=1024)
    try:
        yield Backend("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in tuple(writers):
            writer.transport.abort()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, and end when the client ends."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def naming(name: str) -> Handler:
    """A handler that answers HTTP requests with `name`, keep-alive unless asked otherwise."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep = True
        while keep:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            keep = b"connection: close" not in head.lower()
            body = name.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()

    return handle


@dataclass
class AppServer:
    """Answers every request with its name after `delay` seconds, and stops the way uvicorn does: no new
    connection, idle ones closed, running requests finished."""

    name: str
    delay: float = 0.0
    requests: int = 0
    _busy: int = 0
    _stopping: bool = False
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> Backend:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0, backlog=2048)
        return Backend("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._stopping = True
        self._server.close()
        if not self._busy:
            for writer in tuple(self._writers):
                writer.close()
        await until(lambda: not self._busy)
        for writer in tuple(self._writers):
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while not self._stopping:
                head = await reader.readuntil(b"\r\n\r\n")
                self._busy += 1
                try:
                    self.requests += 1
                    await asyncio.sleep(self.delay)
                    body = self.name.encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    await writer.drain()
                finally:
                    self._busy -= 1
                if b"connection: close" in head.lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def fetch(
    port: int, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
) -> bytes:
    """Everything the gate answers to `request`, read to its end; a reset is an error."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), BOUND)
    finally:
        writer.close()


def replying(*answers: bytes) -> Handler:
    """A handler that answers one request after another with these, and then from the first one on again."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in itertools.cycle(answers):
            try:
                await read_message(reader)
            except asyncio.IncompleteReadError:
                return
            writer.write(answer)
            await writer.drain()

    return handle


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer, with the body that its Content-Length tells."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return head + await reader.readexactly(int(length[1]) if length else 0)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes = GET) -> bytes:
    """The body of the answer to `request` on a connection that is kept; one that is not 200 is an error."""
    writer.write(request)
    answer = await asyncio.wait_for(read_message(reader), BOUND)
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return body
