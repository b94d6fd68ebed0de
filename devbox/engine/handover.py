"""Connections that the engine hands over to its own client: POST /session, over which BuildKit calls back.

The engine answers `101` and turns the connection round: from then on it is the client of what we serve
(moby/moby, docs/api, "POST /session"; moby/buildkit, session/grpchijack).
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import http.client
import socket
from typing import cast

from devbox.engine.calls import Calls, engine_closed
from devbox.engine.hijacked import CLOSE_SECONDS, Answer, answer_in
from devbox.engine.protocol import SessionOffer
from devbox.engine.translate import refusal, translated
from devbox.engine.transport import READ_SECONDS, Transport


class HandedOver(asyncio.Protocol):
    """One connection: the engine's answer first, then everything goes to `served`, until it is lost."""

    def __init__(self, sock: socket.socket, served: asyncio.Protocol) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.error: Exception | None = None
        self._answer: asyncio.Future[Answer] = loop.create_future()
        self._sock, self._served = sock, served
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._serving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self.error is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._serving:
            self._served.data_received(data)
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
        if self._answer.done():
            return
        self._answer.set_result(answer)
        if answer.status == http.HTTPStatus.SWITCHING_PROTOCOLS and self._transport is not None:
            self._serving = True
            self._served.connection_made(self._transport)
            if answer.rest:
                self._served.data_received(answer.rest)

    def pause_writing(self) -> None:
        if self._serving:
            self._served.pause_writing()

    def resume_writing(self) -> None:
        if self._serving:
            self._served.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done() and self.error is None:
            answer = answer_in(self._head)
            if answer is not None:
                self._answered(answer)
            else:
                self.error = exc or ConnectionResetError("it ended before it answered")
        self._fail()
        if self._serving:
            self._served.connection_lost(exc)
        if not self.lost.done():
            self.lost.set_result(None)

    def end(self, error: Exception) -> None:
        """Breaks the connection off, whatever state it is in; who waits for its answer gets `error`."""
        if self.lost.done():
            return
        self.error = self.error or error
        self._fail()
        if self._transport is not None:
            self._transport.abort()
        else:
            # Shut down and not closed: the event loop may be in the middle of a handshake over it.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _fail(self) -> None:
        if self.error is not None and not self._answer.done():
            self._answer.set_exception(self.error)
            # Nobody may be waiting for it.
            self._answer.exception()

    async def answer(self) -> Answer:
        """The engine's answer to the request; raises why there is none."""
        return await asyncio.shield(self._answer)

    async def ended(self) -> None:
        """Returns once the connection is lost, whoever ended it."""
        await asyncio.shield(self.lost)

    async def close(self) -> None:
        """Ends the connection, within 0.2 s; ended already is fine."""
        if self._transport is None or self.lost.done():
            return
        self._transport.close()
        try:
            await asyncio.wait({self.lost}, timeout=CLOSE_SECONDS)
        finally:
            self._transport.abort()


class Handovers:
    """The sessions of one adapter: each ends with its own `close`, or with `close` here."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._open: set[HandedOver] = set()
        self._closed = False

    async def open(self, transport: Transport, offer: SessionOffer, served: asyncio.Protocol) -> HandedOver:
        """A session that `served` answers on; raises EngineUnreachable, or EngineRefused for an engine
        without sessions."""
        what, url = "cannot open a build session", transport.address.url
        with translated(what, url):
            sock, context, host = await self._calls.run(transport.dial)
            connection = self._connection(sock, served)
            try:
                async with asyncio.timeout(READ_SECONDS):
                    made, _ = await asyncio.get_running_loop().create_connection(
                        lambda: connection, sock=sock, ssl=context, server_hostname=host if context else None
                    )
                    made.write(_request(transport, offer, host))
                    answer = await connection.answer()
            except BaseException as error:
                ended = connection.error
                self._give_up(connection)
                if isinstance(error, OSError) and ended is not None and ended is not error:
                    # A handshake only knows that it was cut short, not why.
                    raise ended from error
                raise
        if answer.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._give_up(connection)
            raise refusal(what, answer.status, answer.message)
        return connection

    def _connection(self, sock: socket.socket, served: asyncio.Protocol) -> HandedOver:
        sock.setblocking(False)
        connection = HandedOver(sock, served)
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        if self._closed:
            connection.end(engine_closed())
        return connection

    def _give_up(self, connection: HandedOver) -> None:
        connection.end(ConnectionAbortedError("given up"))
        self._open.discard(connection)

    async def close(self) -> None:
        """Ends all."""
        self._closed = True
        left = list(self._open)
        for connection in left:
            connection.end(engine_closed())
        if left:
            await asyncio.wait({connection.lost for connection in left}, timeout=CLOSE_SECONDS)


def _request(transport: Transport, offer: SessionOffer, host: str) -> bytes:
    lines = [
        f"POST /v{transport.client.api_version}/session HTTP/1.1",
        f"Host: {host or 'docker'}",
        "Content-Length: 0",
        "Connection: Upgrade",
        "Upgrade: h2c",
        f"X-Docker-Expose-Session-Uuid: {offer.id}",
        f"X-Docker-Expose-Session-Name: {offer.name}",
        f"X-Docker-Expose-Session-Sharedkey: {offer.shared_key}",
        *(f"X-Docker-Expose-Session-Grpc-Method: {method}" for method in offer.methods),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
