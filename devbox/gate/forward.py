"""The client's side of a connection: held while no backend takes it, forwarded, closed after a flush."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from devbox.gate import http1
from devbox.gate.backend import HIGH_WATER_BYTES, BackendLink, send_eof

if TYPE_CHECKING:
    from devbox.gate.routes import Route
    from devbox.model import Backend

FIRST_BYTES = 64 << 10
DIAL_SECONDS = 1.0
LINGER_SECONDS = 2.0
STALLED_SECONDS = 60.0
HALF_CLOSED_SECONDS = 60.0


class Connection(asyncio.Protocol):
    """One accepted client, which is served, held or closed after a flush, and never reset.

    It is *held* until a backend takes it, then *joined* to that backend until both ends are done, then
    *ending* until the client has everything it is owed. Whatever the client sends passes `data_received`,
    whatever a backend sends passes `from_backend`, and `movable` alone decides who may change backends.
    """

    __slots__ = (
        "_awaits_first",
        "_client",
        "_client_eof",
        "_deadline",
        "_dialing",
        "_ending",
        "_first",
        "_forwarded",
        "_left",
        "_link",
        "_loop",
        "_route",
        "_stalled_at",
        "_timer",
        "active_at",
    )

    def __init__(self, route: Route, loop: asyncio.AbstractEventLoop) -> None:
        self._route = route
        self._loop = loop
        self._client: asyncio.Transport
        self._link: BackendLink | None = None
        self._dialing: BackendLink | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._first = b""
        self._client_eof = False
        self._forwarded = False
        self._awaits_first = False
        self._ending = False
        self._deadline = 0.0
        self._left = 0
        self._stalled_at = 0.0
        self.active_at = 0.0

    @property
    def backend(self) -> Backend | None:
        """The backend that has this connection, None while it is held or ending."""
        return None if self._link is None else self._link.backend

    @property
    def movable(self) -> bool:
        """Whether another backend can take this connection over unnoticed: nothing went either way yet."""
        link = self._link
        return link is not None and not (self._forwarded or self._client_eof or link.answered)

    @property
    def owed(self) -> bool:
        """Whether the client has sent something and has had no byte of an answer."""
        link = self._link
        return self._forwarded and link is not None and not (link.answered or link.eof)

    # The client's transport calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast("asyncio.Transport", transport)
        self._client.set_write_buffer_limits(HIGH_WATER_BYTES)
        self._route.connections.add(self)
        self._hold()

    def data_received(self, data: bytes) -> None:
        link = self._link
        if link is not None:
            self.active_at = self._loop.time()
            self._forwarded = True
            link.write(data)
        elif not self._ending:
            self._first += data
            if len(self._first) >= FIRST_BYTES:
                self._client.pause_reading()
            if self._awaits_first:
                self._seek()

    def eof_received(self) -> bool:
        self._client_eof = True
        link = self._link
        if link is not None:
            if link.eof:
                self.end()
            else:
                link.write_eof()
        elif not self._ending and self._dialing is None and not self._first:
            self.end()
        return not self._ending

    def connection_lost(self, _exc: Exception | None) -> None:
        self._ending = True
        self._let_go()
        self._route.gone(self)

    def pause_writing(self) -> None:
        if self._link is not None:
            self._link.pause_reading()

    def resume_writing(self) -> None:
        if self._link is not None:
            self._link.resume_reading()

    # The link to the backend calls these.

    def joined(self, link: BackendLink) -> None:
        """Send over `link`, which has just connected, what the client has said so far."""
        self._cancel_timer()
        self._dialing = None
        self._link = link
        self.active_at = self._loop.time()
        self._route.reached()
        self.resume_client()
        if self._first:
            self._forwarded = True
            link.write(self._first)
            self._first = b""
        if self._client_eof:
            link.write_eof()

    def dial_failed(self, link: BackendLink) -> None:
        """Try again in a few milliseconds; a client that left without a word is let go."""
        if self._dialing is not link:
            return
        self._drop_links()
        self._cancel_timer()
        if self._client_eof and not self._first:
            self.end()
        else:
            retry_at = min(self._loop.time() + self._route.retry_later(self), self._deadline)
            self._timer = self._loop.call_at(retry_at, self._seek)

    def from_backend(self, data: bytes) -> None:
        """Pass `data` on to the client."""
        self.active_at = self._loop.time()
        self._client.write(data)

    def backend_ended(self) -> bool:
        """Pass the backend's end of stream on; whether the other direction stays open."""
        if self.movable:
            self._hold_for_first_bytes()
            return False
        send_eof(self._client)
        if self._client_eof:
            self.end()
            return False
        self._timer = self._loop.call_later(HALF_CLOSED_SECONDS, self._half_closed)
        return True

    def backend_lost(self) -> None:
        """The way to the backend is gone: give the client what it is still owed, or hold it again."""
        if self.movable:
            self._hold_for_first_bytes()
        else:
            self.end()

    def pause_client(self) -> None:
        """Leave what the client sends in the kernel's buffers."""
        self._client.pause_reading()

    def resume_client(self) -> None:
        """Undo `pause_client`."""
        if not self._client_eof:
            self._client.resume_reading()

    # The route calls these.

    def rerouted(self) -> None:
        """Go to the route's new backend at once, where nothing ties this connection to the old one."""
        if not self._ending and (self._link is None or self.movable):
            self._hold()

    def reconsider(self) -> None:
        """Dial or refuse now, where this connection only waits for the time to do so."""
        if not (self._ending or self._link or self._dialing or self._awaits_first):
            self._seek()

    def end(self, farewell: bytes = b"") -> None:
        """Let the backend go, flush to the client what it is owed and then `farewell`, and close."""
        if self._ending:
            return
        self._ending = True
        self._let_go()
        client = self._client
        if client.is_closing():
            return
        if farewell:
            client.write(farewell)
        send_eof(client)
        self._left = client.get_write_buffer_size()
        self._stalled_at = self._loop.time()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._linger)
        if self._client_eof:
            client.close()
        else:
            # Closing over unread bytes resets the connection, and the client could lose our last ones.
            client.resume_reading()

    # Held: what to do next is decided in _seek alone.

    def _hold(self) -> None:
        self._drop_links()
        self._deadline = self._loop.time() + self._route.hold
        self._seek()

    def _hold_for_first_bytes(self) -> None:
        self._drop_links()
        self._deadline = self._loop.time() + self._route.hold
        self._wait(first=True)

    def _seek(self) -> None:
        backend = self._route.backend
        if self._loop.time() >= self._deadline:
            self._give_up()
        elif backend is not None:
            self._dial(backend)
        elif not self._route.refuses:
            self._wait(first=False)
        elif http1.is_request(self._first) is None:
            # Only the first bytes tell a browser, which can be told why, from anything else.
            self._wait(first=True)
        else:
            self._give_up()

    def _wait(self, *, first: bool) -> None:
        self._cancel_timer()
        self._awaits_first = first
        self._timer = self._loop.call_at(self._deadline, self._give_up)

    def _dial(self, backend: Backend) -> None:
        self._cancel_timer()
        self._awaits_first = False
        link = self._dialing = BackendLink(self, backend)
        self._timer = self._loop.call_later(DIAL_SECONDS, self.dial_failed, link)
        link.dial(self._loop)

    def _give_up(self) -> None:
        known = http1.is_request(self._first)
        self.end(http1.unavailable(self._route.excuse, self._first) if known else b"")

    # Ending.

    def _half_closed(self) -> None:
        silent = self._loop.time() - self.active_at
        if silent >= HALF_CLOSED_SECONDS:
            self.end()
        else:
            self._timer = self._loop.call_later(HALF_CLOSED_SECONDS - silent, self._half_closed)

    def _linger(self) -> None:
        left = self._client.get_write_buffer_size()
        now = self._loop.time()
        if left != self._left:
            self._left, self._stalled_at = left, now
        if not left:
            self._client.close()
        elif now - self._stalled_at >= STALLED_SECONDS:
            self._client.abort()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._linger)

    def _let_go(self) -> None:
        self._drop_links()
        self._cancel_timer()
        self._first = b""

    def _drop_links(self) -> None:
        for link in (self._dialing, self._link):
            if link is not None:
                link.release()
        self._dialing = self._link = None

    def _cancel_timer(self) -> None:
        self._route.retrying.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
