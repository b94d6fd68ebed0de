"""The client's side of a connection: held, forwarded, moved between requests, closed after a flush."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol, cast

from devbox.gate.backend import HIGH_WATER_BYTES, BackendLink, send_eof
from devbox.gate.farewell import Farewell
from devbox.gate.hold import Destination, Hold
from devbox.gate.tracking import Exchanges
from devbox.model import Backend

HELD_BYTES = 64 << 10
HALF_CLOSED_SECONDS = 60.0
# Longer than browsers and HTTP libraries keep an unused connection: the client closes first, and no request
# meets our closing.
IDLE_SECONDS = 600.0


class Owner(Destination, Protocol):
    """The route that a connection belongs to."""

    def came(self, connection: Connection) -> None:
        """`connection` was accepted."""

    def moved(self) -> None:
        """A connection has left its backend."""

    def gone(self, connection: Connection) -> None:
        """`connection` is over."""


class Connection(asyncio.Protocol):
    """One accepted client, which is served, held or closed after a flush, and never reset.

    It is *held* until a backend takes it, then *joined* to that backend, then *ending* until the client has
    everything it is owed. Between two requests it goes back to held, and so to another backend, at a flip and
    when the backend closes. Whatever the client sends passes `data_received`, whatever a backend sends passes
    `from_backend`, and both tell `Exchanges`, which alone knows when a connection may move.
    """

    __slots__ = (
        "_client",
        "_client_full",
        "_ending",
        "_exchanges",
        "_farewell",
        "_half_closed",
        "_hold",
        "_leaving",
        "_link",
        "_loop",
        "_route",
        "active_at",
        "client_eof",
    )

    def __init__(self, route: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._route = route
        self._loop = loop
        self._client: asyncio.Transport
        self._client_full = False
        self._link: BackendLink | None = None
        self._hold = Hold(self, route, loop)
        self._exchanges = Exchanges()
        self._farewell: Farewell | None = None
        self._half_closed: asyncio.TimerHandle | None = None
        self._leaving = False
        self._ending = False
        self.client_eof = False
        self.active_at = 0.0

    @property
    def backend(self) -> Backend | None:
        """The backend that has this connection, None while it is held or ending."""
        return None if self._link is None else self._link.backend

    def quiet_at(self, quiet: float) -> float:
        """From when on, by the loop's clock, a drain need not wait for this connection: not while an exchange
        is in progress, at once between two, and otherwise once it was silent for `quiet` seconds."""
        link = self._link
        if link is None or self._exchanges.between:
            return 0.0
        if self._exchanges.opaque and (link.answered or link.eof):
            return self.active_at + quiet
        return math.inf

    # The client's transport calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast("asyncio.Transport", transport)
        self._client.set_write_buffer_limits(HIGH_WATER_BYTES)
        self._route.came(self)
        self._hold.begin()

    def data_received(self, data: bytes) -> None:
        link = self._link
        if link is None or (self._leaving and self._exchanges.waiting):
            self._keep(data)
        else:
            self.active_at = self._loop.time()
            self._exchanges.sent(data)
            link.write(data)
            if self._leaving:
                self._leave()

    def eof_received(self) -> bool:
        self.client_eof = True
        link = self._link
        if link is not None:
            if link.eof:
                self.end()
            elif not self._hold.said:
                link.write_eof()
        elif not self._ending:
            self._hold.client_ended()
        return not self._ending

    def connection_lost(self, _exc: Exception | None) -> None:
        self._ending = True
        self._let_go()
        if self._farewell is not None:
            self._farewell.done()
        self._route.gone(self)

    def pause_writing(self) -> None:
        self._client_full = True
        if self._link is not None:
            self._link.pause_reading()

    def resume_writing(self) -> None:
        self._client_full = False
        if self._link is not None:
            self._link.resume_reading()

    # The link to the backend calls these.

    def joined(self, link: BackendLink) -> None:
        """Send over `link`, which has just connected, what the client has said so far."""
        self._link = link
        self.active_at = self._loop.time()
        again, said = self._hold.joined()
        self.resume_client()
        if self._client_full:
            # Not at once: uvloop begins to read when connection_made has returned, whatever was said in it.
            self._loop.call_soon(self._slow_down, link)
        if said:
            self._exchanges.sent(said)
        if again or said:
            link.write(again + said)
        if self.client_eof:
            link.write_eof()

    def _slow_down(self, link: BackendLink) -> None:
        if self._client_full and self._link is link:
            link.pause_reading()

    def dial_failed(self, link: BackendLink) -> None:
        """Try again in a few milliseconds."""
        self._hold.dial_failed(link)

    def from_backend(self, data: bytes) -> None:
        """Pass `data` on to the client."""
        self.active_at = self._loop.time()
        self._exchanges.received(data)
        self._client.write(data)
        if self._leaving:
            self._leave()

    def backend_ended(self) -> bool:
        """Hold the client again, or pass the end of stream on; whether the other direction stays open."""
        if self._outlives_backend():
            return False
        self.stay()
        send_eof(self._client)
        if self.client_eof:
            self.end()
            return False
        self._half_closed = self._loop.call_later(HALF_CLOSED_SECONDS, self._end_when_silent)
        return True

    def backend_lost(self) -> None:
        """The way to the backend is gone: hold the client again, or give it what it is still owed."""
        if not self._outlives_backend():
            self.end()

    def pause_client(self) -> None:
        """Leave what the client sends in the kernel's buffers."""
        self._client.pause_reading()

    def resume_client(self) -> None:
        """Undo `pause_client`."""
        if not self.client_eof:
            self._client.resume_reading()

    # The route calls these.

    def rerouted(self) -> None:
        """Go to the route's new backend, where and as soon as nothing ties this connection to the old one."""
        if self._ending:
            return
        link = self._link
        if link is not None:
            # What was kept for another backend goes over a new connection, even where the route leads back.
            self._leaving = self._hold.said != b"" or link.backend != self._route.backend
            self._leave()
        elif not (self._hold.parked and self._exchanges.begun):
            self._hold.begin()

    def reconsider(self) -> None:
        """Dial or refuse now, where this connection only waits for the time to do so."""
        if not (self._ending or self._link):
            self._hold.reconsider()

    def stay(self) -> None:
        """Never go to another backend."""
        self._exchanges.give_up()
        self._leave()

    def end(self, farewell: bytes = b"") -> None:
        """Let the backend go, flush to the client what it is owed and then `farewell`, and close."""
        if self._ending:
            return
        self._ending = True
        self._let_go()
        if not self._client.is_closing():
            if farewell:
                self._client.write(farewell)
            self._farewell = Farewell(self._client, self._loop, heard_all=self.client_eof)

    def _keep(self, data: bytes) -> None:
        if self._ending:
            return
        if len(self._hold.said) + len(data) >= HELD_BYTES:
            self._client.pause_reading()
        self._hold.hear(data)

    def _leave(self) -> None:
        link, exchanges, hold = self._link, self._exchanges, self._hold
        if link is None or not self._leaving:
            return
        if exchanges.opaque:
            self._leaving = False
            if hold.said:
                link.write(hold.said)
                hold.over()
                if self.client_eof:
                    link.write_eof()
                if not link.full:
                    self.resume_client()
        elif (exchanges.between or exchanges.unheard) and (hold.said or not self.client_eof):
            # One that has said nothing may be waiting for the backend to speak first.
            self._move(at_once=not exchanges.begun)

    def _outlives_backend(self) -> bool:
        exchanges = self._exchanges
        if self.client_eof or not (exchanges.between or exchanges.repeat()):
            return False
        self._move(at_once=False)
        return True

    def _move(self, *, at_once: bool) -> None:
        hold, exchanges = self._hold, self._exchanges
        self._drop_link()
        self.resume_client()
        hold.again = exchanges.unanswered
        if at_once or hold.again or hold.said:
            hold.begin()
        else:
            # Dialled when the next request comes: a container that has just started is not met by every idle
            # browser at once, and a server that gives each connection a worker does not lose them to nobody.
            hold.park(IDLE_SECONDS if exchanges.begun else self._route.hold)
        self._route.moved()

    def _end_when_silent(self) -> None:
        silent = self._loop.time() - self.active_at
        if silent >= HALF_CLOSED_SECONDS:
            self.end()
        else:
            self._half_closed = self._loop.call_later(HALF_CLOSED_SECONDS - silent, self._end_when_silent)

    def _let_go(self) -> None:
        self._drop_link()
        self._hold.over()
        self._exchanges.give_up()
        if self._half_closed is not None:
            self._half_closed.cancel()

    def _drop_link(self) -> None:
        self._leaving = False
        if self._link is not None:
            self._link.release()
            self._link = None
