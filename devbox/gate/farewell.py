"""The end of a client's connection: closed once the client has everything, and never by a reset."""

from __future__ import annotations

import asyncio

from devbox.gate.backend import send_eof

LINGER_SECONDS = 2.0
STALLED_SECONDS = 60.0


class Farewell:
    """Ends `client` after all that was written to it, as soon as that is flushed; a client that takes nothing
    for STALLED_SECONDS is given up."""

    __slots__ = ("_client", "_left", "_loop", "_stalled_at", "_timer")

    def __init__(
        self, client: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, heard_all: bool
    ) -> None:
        self._client = client
        self._loop = loop
        send_eof(client)
        self._left = client.get_write_buffer_size()
        self._stalled_at = loop.time()
        self._timer = loop.call_later(LINGER_SECONDS, self._linger)
        if heard_all:
            client.close()
        else:
            # Closing over unread bytes resets the connection, and the client could lose our last ones.
            client.resume_reading()

    def done(self) -> None:
        """The client's connection is closed."""
        self._timer.cancel()

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
