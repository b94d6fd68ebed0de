"""uvicorn as a guest in another program: no signal handlers, no ticking, no strangers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from devbox.daemon.api.bounds import WHOLE_WITHIN
from devbox.gate.server import peer_uid

_CONNECTIONS = 64
_LETS_GO_WITHIN = 1


class _OwnUserOnly(H11Protocol):
    """HTTP for the user that devbox runs as; whoever else reaches the socket is hung up on, and so is who
    connects and asks for nothing."""

    _silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if peer_uid(transport.get_extra_info("socket")) != os.getuid():
            transport.abort()
            return
        super().connection_made(transport)
        self._silent = self.loop.call_later(WHOLE_WITHIN, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._silent is not None:
            self._silent.cancel()

    def _hang_up(self) -> None:
        if self.cycle is None:
            # It would count among those that may ask at once for as long as it likes.
            self.transport.close()


class Server(uvicorn.Server):
    """Serves until `end`, which may come at any time."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Takes no further request, and ends once those under way are answered."""
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        # uvicorn's own wakes ten times a second, for a date header and for signals: neither is wanted here.
        await self._ended.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # They belong to the session.
        yield


def server_of(app: FastAPI) -> Server:
    """A server for the application, to be given a listening unix socket."""
    return Server(
        uvicorn.Config(
            app,
            http=_OwnUserOnly,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_LETS_GO_WITHIN,
        )
    )
