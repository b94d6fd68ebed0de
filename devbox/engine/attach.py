"""The client's end of a container's standard streams, over a connection that the engine has handed over.

POST /containers/{id}/attach with `Upgrade: tcp`: after the head of the answer the connection carries raw
bytes to the container's standard input, and frames of its output back
(https://docs.docker.com/reference/api/engine/, "Attach to a container").
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from devbox.engine.decode import FRAME_HEADER, frame
from devbox.engine.translate import refusal, translated
from devbox.engine.transport import READ_SECONDS, Transport

_CLOSE_SECONDS = 1.0


async def attach(transport: Transport, container: str) -> StandardStreams:
    """The streams of a container, which need not be started yet; raises NotFound, EngineUnreachable."""
    what = f"cannot attach to {container[:12]}"
    with translated(what, transport.address.url):
        async with asyncio.timeout(READ_SECONDS):
            connection, context, host = await asyncio.to_thread(transport.dial)
            connection.setblocking(False)
            reader, writer = await asyncio.open_connection(
                sock=connection, ssl=context, server_hostname=host if context else None
            )
            path = f"/v{transport.client.api_version}/containers/{container}/attach?stream=1&stdin=1&stdout=1"
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {host or 'docker'}\r\n"
                "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status not in (101, 200):
        writer.close()
        raise refusal(what, status, head.decode("latin-1").splitlines()[0])
    return StandardStreams(transport.address.url, reader, writer)


class StandardStreams:
    """An `Attached` of the real engine."""

    def __init__(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._url, self._reader, self._writer = url, reader, writer
        self._rest = b""

    async def send(self, data: bytes) -> None:
        """Returns once the engine has taken the bytes for the container's standard input."""
        with translated("the container takes no input", self._url):
            self._writer.write(data)
            async with asyncio.timeout(READ_SECONDS):
                await self._writer.drain()

    async def line(self) -> str | None:
        """The next line of its standard output, None once it has ended."""
        while b"\n" not in self._rest:
            try:
                stream, size = frame(await self._reader.readexactly(FRAME_HEADER))
                data = await self._reader.readexactly(size)
            except (asyncio.IncompleteReadError, OSError):
                return None
            if stream == "stdout":
                self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")

    async def close(self) -> None:
        """Leaves; the container's standard input ends."""
        self._writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()
