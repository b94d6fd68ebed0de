"""A container's standard streams: POST /containers/{id}/attach, and what the rest of devbox sees of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from urllib.parse import quote

from devbox.engine import facts
from devbox.engine.calls import Calls, engine_closed
from devbox.engine.hijacked import CLOSE_SECONDS, Connection
from devbox.engine.translate import refusal, translated
from devbox.engine.transport import READ_SECONDS, Transport


class StandardStreams:
    """An `Attached` of the real engine."""

    def __init__(self, connection: Connection, what: str, url: str) -> None:
        self._connection, self._what, self._url = connection, what, url

    async def send(self, data: bytes) -> None:
        """Returns once the engine has taken the bytes for the container's standard input.

        Waits as long as some are taken every 60 s. One that fails or is cancelled ends the streams. Raises
        Conflict where the container has ended or the streams were closed, EngineUnreachable.
        """
        with self._translated():
            await self._connection.send(data)

    async def line(self) -> str | None:
        """The next line of its standard output, None once it has ended; raises EngineUnreachable.

        A line longer than `decode.LONGEST_LINE` bytes comes in parts.
        """
        with self._translated():
            return await self._connection.line()

    async def close(self) -> None:
        """Leaves, within 0.2 s; the container's standard input ends. Closed already is fine."""
        await self._connection.leave()

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return translated(self._what, self._url)


class Attachments:
    """The attached streams of one adapter: each ends with its own `close`, or with `close` here."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._open: set[Connection] = set()
        self._closed = False

    async def open(self, transport: Transport, container: str) -> StandardStreams:
        """The streams of a container, which need not be started yet; raises NotFound, EngineUnreachable."""
        what, url = f"cannot attach to {facts.short(container)}", transport.address.url
        with translated(what, url):
            sock, context, host = await self._calls.run(transport.dial)
            connection = self._connection(sock)
            try:
                async with asyncio.timeout(READ_SECONDS):
                    made, _ = await asyncio.get_running_loop().create_connection(
                        lambda: connection, sock=sock, ssl=context, server_hostname=host if context else None
                    )
                    made.write(_request(transport, container, host))
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
        return StandardStreams(connection, f"the streams of {facts.short(container)} broke off", url)

    def _give_up(self, connection: Connection) -> None:
        connection.end(ConnectionAbortedError("given up"))
        self._open.discard(connection)

    def _connection(self, sock: socket.socket) -> Connection:
        sock.setblocking(False)
        connection = Connection(sock)
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        if self._closed:
            connection.end(engine_closed())
        return connection

    async def close(self) -> None:
        """Ends all; who waits for one gets EngineUnreachable."""
        self._closed = True
        left = list(self._open)
        for connection in left:
            connection.end(engine_closed())
        if left:
            await asyncio.wait({connection.lost for connection in left}, timeout=CLOSE_SECONDS)


def _request(transport: Transport, container: str, host: str) -> bytes:
    path = f"/v{transport.client.api_version}/containers/{quote(container, safe='')}/attach"
    return (
        f"POST {path}?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: {host or 'docker'}\r\n"
        "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    ).encode()
