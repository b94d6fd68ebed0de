"""The build sessions of the fake engine: what is served on one is reached over a socket pair."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from devbox.engine.values import SessionOffer


class FakeSession(asyncio.Protocol):
    """A session: `offer` as it was made, `peer` the end that BuildKit would call from."""

    def __init__(self, offer: SessionOffer, served: asyncio.Protocol) -> None:
        self.offer = offer
        self._ours, self.peer = socket.socketpair()
        self._ours.setblocking(False)
        self.peer.setblocking(False)
        self._served = served
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def open(self) -> None:
        """From here on `served` answers."""
        await asyncio.get_running_loop().create_connection(lambda: self, sock=self._ours)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._served.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._served.data_received(data)

    def pause_writing(self) -> None:
        self._served.pause_writing()

    def resume_writing(self) -> None:
        self._served.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._served.connection_lost(exc)
        if not self._lost.done():
            self._lost.set_result(None)

    def break_off(self) -> None:
        """The engine's side ends."""
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)
        self.peer.close()

    async def ended(self) -> None:
        """Returns once the connection is lost, whoever ended it."""
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Ends the connection; ended already is fine."""
        if self._transport is not None:
            self._transport.abort()
            await asyncio.wait({self._lost}, timeout=1)
        self.peer.close()
