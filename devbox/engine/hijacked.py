"""One connection that the engine hands over to a container's standard streams.

After the head of the engine's answer it carries raw bytes to the container, and frames of its output back
(https://docs.docker.com/reference/api/engine/, "Attach to a container"). It lives on the event loop: no
thread, and nothing to switch to between a call of `send` and the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from devbox.engine.decode import Frames, LineAssembler
from devbox.engine.transport import READ_SECONDS
from devbox.errors import Conflict

# Over TLS, asyncio takes any amount at once; slices are what makes it wait for the engine.
_SLICE = 64 * 1024
# Output that nobody asks for is left to the engine, and then to the container, which waits.
_MOST_WAITING = 1024 * 1024
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
        """Whether the connection is the container's streams from here on."""
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


class Connection(asyncio.Protocol):
    """One connection: the engine's answer, then lines, until it is lost; `error` is why it broke."""

    def __init__(self, sock: socket.socket) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self.left = False
        self._sock = sock
        self._head = b""
        self._answer: Answer | None = None
        self._frames, self._assembler = Frames(), LineAssembler()
        self._lines: deque[str] = deque()
        self._waiting = 0
        self._sending = asyncio.Lock()
        self._readable, self._writable = asyncio.Event(), asyncio.Event()
        self._taken = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        # Writing waits until nothing is left. Not high=0: over TLS, nothing would be too much then.
        self.transport.set_write_buffer_limits(high=1, low=0)
        if self.error is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.left:
            return
        if self._answer is not None:
            self._output(data)
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
            self._output(answer.rest)

    def _output(self, data: bytes) -> None:
        for stream, part in self._frames.feed(data):
            if stream == "stdout":
                self._keep(piece.line for piece in self._assembler.feed(stream, part))
        self._flow()

    def _keep(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._lines.append(line)
            self._waiting += len(line) + 1
            self._readable.set()

    def _flow(self) -> None:
        """Reads on while there is room, and always while something is sent.

        A container that answers while it reads would otherwise wait for us, and we for it.
        """
        if self.transport is not None:
            if self._waiting < _MOST_WAITING or self._sending.locked():
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def pause_writing(self) -> None:
        self._taken = False
        self._writable.clear()

    def resume_writing(self) -> None:
        self._taken = True
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is None and self.error is None and (answer := answer_in(self._head)) is not None:
            self._answered(answer)
        if not self.left:
            if self.error is None:
                broken = self._answer is None or not self._frames.whole
                self.error = exc or (ConnectionResetError("it ended in the middle") if broken else None)
            self._keep(piece.line for piece in self._assembler.finish())
        self._wake()
        if not self.lost.done():
            self.lost.set_result(None)

    def end(self, error: Exception) -> None:
        """Breaks the connection off, whatever state it is in; who waits for it gets `error`."""
        if self.lost.done():
            return
        self.error = self.error or error
        self._wake()
        if self.transport is not None:
            self.transport.abort()
        else:
            # Shut down and not closed: the event loop may be in the middle of a handshake over it.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _wake(self) -> None:
        self._readable.set()
        self._writable.set()

    async def answer(self) -> Answer:
        """The engine's answer to the request; raises why there is none."""
        while self._answer is None:
            self.check()
            self._readable.clear()
            await self._readable.wait()
        return self._answer

    def check(self) -> None:
        """Raises why the connection broke, or Conflict once it has ended as it should."""
        if self.error is not None:
            raise self.error
        if self.left or self.lost.done():
            raise Conflict("the container takes no input", cause="its standard input has ended")

    async def send(self, data: bytes) -> None:
        """Returns once all is written; given up halfway, it breaks the connection off."""
        async with self._sending:
            self.check()
            self._flow()
            view = memoryview(data)
            try:
                for start in range(0, len(data), _SLICE):
                    await self._write(view[start : start + _SLICE])
            except BaseException as error:
                # Half a message would be worse for the container than the end of its input.
                self.end(error if isinstance(error, Exception) else ConnectionAbortedError("given up"))
                raise
        self._flow()

    async def _write(self, data: memoryview) -> None:
        self.check()
        if self.transport is not None:
            self.transport.write(data)
        if not self._taken:
            async with asyncio.timeout(READ_SECONDS):
                await self._writable.wait()
        if not self._taken:
            # Woken by the end of the connection.
            self.check()

    async def line(self) -> str | None:
        """The next line, None once the connection has ended or was left; raises why it broke."""
        while not self._lines:
            if self.left:
                return None
            if self.error is not None:
                raise self.error
            if self.lost.done():
                return None
            self._readable.clear()
            await self._readable.wait()
        line = self._lines.popleft()
        self._waiting -= len(line) + 1
        self._flow()
        return line

    async def leave(self) -> None:
        """Ends the connection in order, within a bound."""
        if self.left or self.transport is None:
            return
        self.left = True
        self._lines.clear()
        self._wake()
        self.transport.close()
        try:
            await asyncio.wait({self.lost}, timeout=CLOSE_SECONDS)
        finally:
            self.transport.abort()
