"""One connection that the engine hands over to a container's standard streams.

After the head of the engine's answer it carries raw bytes to the container, and frames of its output back
(https://docs.docker.com/reference/api/engine/, "Attach to a container"). It lives on the event loop: no
thread, and nothing to switch to between a call of `send` and the socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterator

from devbox.engine.decode import Frames, LineAssembler
from devbox.engine.transport import READ_SECONDS
from devbox.engine.upgrade import Upgraded
from devbox.errors import Conflict

# Over TLS, asyncio takes any amount at once; slices are what makes it wait for the engine.
_SLICE = 64 * 1024
# Output that nobody asks for is left to the engine, and then to the container, which waits.
_MOST_WAITING = 1024 * 1024


class Connection(Upgraded):
    """One connection: the engine's answer, then lines, until it is lost; `error` is why it broke."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.left = False
        self._frames, self._assembler = Frames(), LineAssembler()
        self._lines: deque[str] = deque()
        self._waiting = 0
        self._sending = asyncio.Lock()
        self._writable = asyncio.Event()
        self._taken = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is not None:
            # Writing waits until nothing is left. Not high=0: over TLS, nothing would be too much then.
            self.transport.set_write_buffer_limits(high=1, low=0)

    def begun(self) -> None:
        """Nothing is to be done before the first output."""

    def received(self, data: bytes) -> None:
        if not self.left:
            self._output(data)

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

    def finished(self, exc: Exception | None) -> None:
        if not self.left:
            if self.error is None:
                broken = self._answer is None or not self._frames.whole
                self.error = exc or (ConnectionResetError("it ended in the middle") if broken else None)
            self._keep(piece.line for piece in self._assembler.finish())

    def wake(self) -> None:
        super().wake()
        self._writable.set()

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
        self.wake()
        await self.close()
