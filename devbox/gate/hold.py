"""A client without a backend: what it says is kept while one is dialled, or until it speaks again."""

from __future__ import annotations

import asyncio
from typing import Protocol

from devbox.gate import http1
from devbox.gate.backend import BackendLink, Peer
from devbox.model import Backend

DIAL_SECONDS = 1.0


class Destination(Protocol):
    """Where a client's connection leads, and who hears how it fares."""

    hold: float
    backend: Backend | None

    @property
    def refuses(self) -> bool:
        """Whether a client is answered at once, instead of held, while there is no backend."""

    @property
    def excuse(self) -> str:
        """Why a client could not be served, in words for a person."""

    def retry_later(self, hold: Hold) -> float:
        """Seconds until `hold` may dial again."""

    def retries_no_more(self, hold: Hold) -> None:
        """`hold` does not wait to dial again any more."""

    def reached(self) -> None:
        """The backend answered a dial."""


class Owner(Peer, Protocol):
    """The connection that waits."""

    @property
    def client_eof(self) -> bool:
        """Whether the client has said all that it will say."""

    def end(self, farewell: bytes = b"") -> None:
        """Say `farewell` and close."""


class Hold:
    """The wait of one client for a backend. What to do next is decided in `_seek` alone.

    `again` has been with a backend already, and `said` has not: the next one gets both, in this order.
    """

    __slots__ = (
        "_awaits_first",
        "_deadline",
        "_destination",
        "_dialing",
        "_loop",
        "_owner",
        "_timer",
        "again",
        "parked",
        "said",
    )

    def __init__(self, owner: Owner, destination: Destination, loop: asyncio.AbstractEventLoop) -> None:
        self.again = b""
        self.said = b""
        self._owner = owner
        self._destination = destination
        self._loop = loop
        self._dialing: BackendLink | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._awaits_first = False
        self.parked = False

    def begin(self) -> None:
        """Look for a backend from now on, for as long as the destination says."""
        self._stop()
        self._deadline = self._loop.time() + self._destination.hold
        self._seek()

    def park(self, seconds: float) -> None:
        """Look for a backend once the client speaks, which it may do for `seconds`."""
        self._stop()
        self.parked = True
        self._timer = self._loop.call_later(seconds, self._owner.end)

    def over(self) -> None:
        """A backend has the client, or nobody will: stop looking, and forget what was kept."""
        self._stop()
        self.again = self.said = b""

    def hear(self, data: bytes) -> None:
        """The client said `data`."""
        self.said += data
        if self.parked:
            self.begin()
        elif self._awaits_first:
            self._seek()

    def client_ended(self) -> None:
        """The client says nothing more: let it go, where it has not said anything."""
        if self._dialing is None and not (self.again or self.said):
            self._owner.end()

    def reconsider(self) -> None:
        """Dial or refuse now, where this only waits for the time to do so."""
        if not (self._dialing or self._awaits_first or self.parked):
            self._seek()

    def dial_failed(self, link: BackendLink) -> None:
        """Try again in a few milliseconds; a client that left without a word is let go."""
        if self._dialing is not link:
            return
        self._stop()
        if self._owner.client_eof and not (self.again or self.said):
            self._owner.end()
        else:
            retry_at = min(self._loop.time() + self._destination.retry_later(self), self._deadline)
            self._timer = self._loop.call_at(retry_at, self._seek)

    def joined(self) -> tuple[bytes, bytes]:
        """The link that was dialled is the owner's: stop looking, and return `again` and `said`."""
        self._dialing = None
        kept = self.again, self.said
        self.over()
        self._destination.reached()
        return kept

    def _seek(self) -> None:
        backend = self._destination.backend
        if self._loop.time() >= self._deadline:
            self._give_up()
        elif backend is not None:
            self._dial(backend)
        elif not self._destination.refuses:
            self._wait(first=False)
        elif http1.is_request(self.again + self.said) is None:
            # Only the first bytes tell a browser, which can be told why, from anything else.
            self._wait(first=True)
        else:
            self._give_up()

    def _wait(self, *, first: bool) -> None:
        self._stop()
        self._awaits_first = first
        self._timer = self._loop.call_at(self._deadline, self._give_up)

    def _dial(self, backend: Backend) -> None:
        self._stop()
        link = self._dialing = BackendLink(self._owner, backend)
        self._timer = self._loop.call_later(DIAL_SECONDS, self.dial_failed, link)
        link.dial(self._loop)

    def _give_up(self) -> None:
        request = self.again + self.said
        known = http1.is_request(request)
        self._owner.end(http1.unavailable(self._destination.excuse, request) if known else b"")

    def _stop(self) -> None:
        self._awaits_first = self.parked = False
        if self._dialing is not None:
            self._dialing.release()
            self._dialing = None
        if self._timer is not None:
            self._destination.retries_no_more(self)
            self._timer.cancel()
            self._timer = None
