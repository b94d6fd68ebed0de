"""Requests upon which the engine gives up HTTP: from its answer on, the connection is the caller's.

It lives on the event loop: no thread, and nothing to switch to between a call and the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from devbox.engine.calls import Calls, engine_closed
from devbox.engine.translate import refusal, translated
from devbox.engine.transport import READ_SECONDS, Transport

# What was sent is with the engine already: only the end is to be told, and over TLS nobody answers that.
CLOSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of the engine's answer, and what has come after it.

    `body` is how many bytes a refusal has, None for one that ends with the connection.
    """

    status: int
    first: str
    body: int | None
    rest: bytes

    @property
    def handed_over(self) -> bool:
        """Whether the connection is the caller's from here on."""
        return self.status in (101, 200)

    @property
    def whole(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.handed_over or (self.body is not None and len(self.rest) >= self.body)

    @property
    def message(self) -> str:
        """Why the engine refuses."""
        try:
            return str(json.loads(self.rest)["message"]).strip()
        except (ValueError, KeyError, TypeError):
            return self.rest.decode("utf-8", "replace").strip() or self.first


def answer_in(received: bytes) -> Answer | None:
    """The answer, None while its head is not whole; raises BadStatusLine for what is not HTTP."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    first = head.partition(b"\r\n")[0].decode("latin-1")
    status = re.match(r"HTTP/1\.[01] (\d{3})\b", first)
    if status is None:
        raise http.client.BadStatusLine(first)
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    return Answer(int(status[1]), first, int(length[1]) if length else None, rest)


class Upgraded(asyncio.Protocol):
    """One connection: the engine's answer, then what `received` makes of it, until it is `lost`; `error` is
    why it broke."""

    def __init__(self, sock: socket.socket) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self._sock = sock
        self._head = b""
        self._answer: Answer | None = None
        self._readable = asyncio.Event()

    @abstractmethod
    def begun(self) -> None:
        """The engine has handed the connection over."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """Bytes have come after that."""

    @abstractmethod
    def finished(self, exc: Exception | None) -> None:
        """The connection is lost; `error` is to be set where that is no end in order."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.error is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._answer is not None:
            self.received(data)
            return
        self._head += data
        try:
            answer = answer_in(self._head)
        except http.client.HTTPException as error:
            self.end(error)
            return
        if answer is not None and answer.whole:
            self._answered(answer)

    def _answered(self, answer: Answer) -> None:
        self._answer = answer
        self._readable.set()
        if answer.handed_over:
            self.begun()
            if answer.rest:
                self.received(answer.rest)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is None and self.error is None:
            if (answer := answer_in(self._head)) is not None:
                self._answered(answer)
            else:
                self.error = exc or ConnectionResetError("it ended before it answered")
        self.finished(exc)
        self.wake()
        if not self.lost.done():
            self.lost.set_result(None)

    def wake(self) -> None:
        """Wakes whoever waits for the connection."""
        self._readable.set()

    def end(self, error: Exception) -> None:
        """Breaks the connection off, whatever state it is in; who waits for it gets `error`."""
        if self.lost.done():
            return
        self.error = self.error or error
        self.wake()
        if self.transport is not None:
            self.transport.abort()
        else:
            # Shut down and not closed: the event loop may be in the middle of a handshake over it.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    async def answer(self) -> Answer:
        """The engine's answer to the request; raises why there is none."""
        while self._answer is None:
            if self.error is not None:
                raise self.error
            self._readable.clear()
            await self._readable.wait()
        return self._answer

    async def close(self) -> None:
        """Ends the connection in order, within 0.2 s; ended already is fine."""
        if self.transport is None or self.lost.done():
            return
        self.transport.close()
        try:
            await asyncio.wait({self.lost}, timeout=CLOSE_SECONDS)
        finally:
            self.transport.abort()


C = TypeVar("C", bound=Upgraded)


class Upgrades(Generic[C]):
    """The connections of one kind and one adapter: each ends by itself, or with `close` here."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._open: set[C] = set()
        self._closed = False

    async def open(
        self,
        transport: Transport,
        make: Callable[[socket.socket], C],
        path: str,
        headers: Iterable[tuple[str, str]],
        what: str,
        body: bytes = b"",
    ) -> C:
        """A connection that the engine has handed over upon POST `path`; `what` is what failed otherwise.

        Raises what the engine's refusal means, EngineUnreachable.
        """
        with translated(what, transport.address.url):
            sock, context, host = await self._calls.run(transport.dial)
            connection = self._known(sock, make)
            try:
                async with asyncio.timeout(READ_SECONDS):
                    made, _ = await asyncio.get_running_loop().create_connection(
                        lambda: connection, sock=sock, ssl=context, server_hostname=host if context else None
                    )
                    url = f"/v{transport.client.api_version}{path}"
                    made.write(_request(url, host, headers, body))
                    answer = await connection.answer()
            except BaseException as error:
                ended = connection.error
                self._give_up(connection)
                if isinstance(error, OSError) and ended is not None and ended is not error:
                    # A handshake only knows that it was cut short, not why.
                    raise ended from error
                raise
        if not answer.handed_over:
            self._give_up(connection)
            raise refusal(what, answer.status, answer.message)
        return connection

    def _known(self, sock: socket.socket, make: Callable[[socket.socket], C]) -> C:
        sock.setblocking(False)
        connection = make(sock)
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        if self._closed:
            connection.end(engine_closed())
        return connection

    def _give_up(self, connection: C) -> None:
        connection.end(ConnectionAbortedError("given up"))
        self._open.discard(connection)

    async def close(self) -> None:
        """Ends all; who waits for one gets EngineUnreachable."""
        self._closed = True
        left = list(self._open)
        for connection in left:
            connection.end(engine_closed())
        if left:
            await asyncio.wait({connection.lost for connection in left}, timeout=CLOSE_SECONDS)


def _request(path: str, host: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    every = (
        ("Host", host or "docker"),
        ("Content-Length", str(len(body))),
        ("Connection", "Upgrade"),
        *headers,
    )
    lines = (f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every))
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
