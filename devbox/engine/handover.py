"""Build sessions: POST /session, a connection over which BuildKit calls back.

The engine answers `101` and turns the connection round: from then on it is the client of what we serve
(https://docs.docker.com/reference/api/engine/, "Initialize interactive session"; moby/buildkit,
session/grpchijack).
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from devbox.engine.calls import Calls
from devbox.engine.transport import Transport
from devbox.engine.upgrade import Upgraded, Upgrades
from devbox.engine.values import SessionOffer


class HandedOver(Upgraded):
    """A `Connected` of the real engine: from its answer on, everything goes to `served`."""

    def __init__(self, served: asyncio.Protocol, sock: socket.socket) -> None:
        super().__init__(sock)
        self._served = served
        self._begun = False

    def begun(self) -> None:
        if self.transport is not None:
            self._begun = True
            self._served.connection_made(self.transport)

    def received(self, data: bytes) -> None:
        self._served.data_received(data)

    def finished(self, exc: Exception | None) -> None:
        if self._begun:
            self._served.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._begun:
            self._served.pause_writing()

    def resume_writing(self) -> None:
        if self._begun:
            self._served.resume_writing()

    async def ended(self) -> None:
        """Returns once the connection is lost, whoever ended it."""
        await asyncio.shield(self.lost)


class Handovers:
    """The sessions of one adapter: each ends with its own `close`, or with `close` here."""

    def __init__(self, calls: Calls) -> None:
        self._upgrades: Upgrades[HandedOver] = Upgrades(calls)

    async def open(self, transport: Transport, offer: SessionOffer, served: asyncio.Protocol) -> HandedOver:
        """A session that `served` answers on; raises EngineUnreachable, or EngineError for an engine without
        sessions."""
        named = "X-Docker-Expose-Session-"
        headers = [
            ("Upgrade", "h2c"),
            (f"{named}Uuid", offer.id),
            (f"{named}Name", offer.name),
            (f"{named}Sharedkey", offer.shared_key),
            *((f"{named}Grpc-Method", method) for method in offer.methods),
        ]
        make = partial(HandedOver, served)
        return await self._upgrades.open(transport, make, "/session", headers, "cannot open a build session")

    async def close(self) -> None:
        """Ends all."""
        await self._upgrades.close()
