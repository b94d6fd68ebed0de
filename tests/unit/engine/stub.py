"""A stand-in for the Engine API: one scripted HTTP server that also remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Request:
    """What the adapter sent; `path` is without the API's version, `version` is that ('' where none)."""

    method: str
    path: str
    version: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
Hijacker = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class StubEngine:
    """Answers by `routes` ("GET /events": handler), everything else with 404; `hijackers` are given the whole
    connection instead, from the end of the request on. `out_of_turn` is a route that is refused before its
    body has come, `lost` counts the connections that broke."""

    routes: dict[str, Handler] = field(default_factory=dict)
    hijackers: dict[str, Hijacker] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    api_version: str = "1.41"
    lost: int = 0
    out_of_turn: str = ""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def asked(self, route: str) -> list[Request]:
        """The requests of one route so far."""
        return [request for request in self.requests if f"{request.method} {request.path}" == route]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        self._writers.add(writer)
        try:
            while (request := await _head(reader)) is not None:
                self.requests.append(request)
                if self.out_of_turn == f"{request.method} {request.path}":
                    await answer(writer, 503, b'{"message": "shutting down"}', "Connection: close")
                    return
                await _body(reader, request)
                if hijacker := self.hijackers.get(f"{request.method} {request.path}"):
                    await hijacker(reader, writer)
                    return
                route = self.routes.get(f"{request.method} {request.path}", _missing)
                if request.path == "/_ping":
                    await answer(writer, 200, b"OK", f"Api-Version: {self.api_version}")
                else:
                    await _while_connected(reader, route(request, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.lost += 1
        finally:
            self._writers.discard(writer)
            writer.close()

    def die(self) -> None:
        """Breaks every connection at once."""
        for writer in list(self._writers):
            writer.transport.abort()


async def _while_connected(reader: asyncio.StreamReader, work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionResetError
        await task
    finally:
        task.cancel()
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await gone


async def _head(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    parts = urlsplit(target)
    versioned = re.fullmatch(r"/v([\d.]+)(/.*)", parts.path)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(
        method,
        versioned[2] if versioned else parts.path,
        versioned[1] if versioned else "",
        dict(parse_qsl(parts.query)),
        headers,
    )


async def _body(reader: asyncio.StreamReader, request: Request) -> None:
    if "content-length" in request.headers:
        request.body = await reader.readexactly(int(request.headers["content-length"]))
    elif request.headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            request.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)


async def _missing(request: Request, writer: asyncio.StreamWriter) -> None:
    await answer(writer, 404, json.dumps({"message": f"no such thing: {request.path}"}).encode())


async def answer(writer: asyncio.StreamWriter, status: int, body: bytes = b"", *headers: str) -> None:
    """A whole answer; the connection stays."""
    lines = [f"HTTP/1.1 {status} Stub", f"Content-Length: {len(body)}", *headers, "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    await writer.drain()


def says(value: object, status: int = 200) -> Handler:
    """A route that answers with JSON."""

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        await answer(writer, status, json.dumps(value).encode(), "Content-Type: application/json")

    return handler


def streams(*chunks: bytes, then: Callable[[], Awaitable[None]] | None = None) -> Handler:
    """A route that answers in chunks, waits for `then`, and ends the answer."""

    async def handler(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
            await asyncio.sleep(0)
        if then is not None:
            await then()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return handler


def framed(stream: int, data: bytes) -> bytes:
    """One frame of a container's output; 1 is its standard output, 2 its standard error."""
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hands the connection over to a container that writes back what it reads."""
    writer.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
    while data := await reader.read(32 * 1024):
        writer.write(framed(1, data))
        await writer.drain()


async def forever() -> None:
    """Never returns."""
    await asyncio.Event().wait()


@asynccontextmanager
async def on_socket(stub: StubEngine, path: Path) -> AsyncIterator[str]:
    """The stub behind a unix socket; gives its address."""
    server = await asyncio.start_unix_server(stub.serve, path)
    try:
        yield f"unix://{path}"
    finally:
        stub.die()
        server.close()


@asynccontextmanager
async def on_tcp(stub: StubEngine, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The stub behind a TCP port of 127.0.0.1, with TLS where a context is given."""
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        stub.die()
        server.close()
