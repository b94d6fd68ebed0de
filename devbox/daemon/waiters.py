"""Those who wait until what is on disk is what serves. Pure but for the answers it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from devbox.daemon.orders import Asked, Outcome
from devbox.daemon.work import Identity, Serving
from devbox.events import Failure


@dataclass(slots=True)
class _Waiter:
    asked: Asked
    seen: set[Identity] = field(default_factory=set)
    latest: Identity | None = None


class Waiters:
    """Answers each `Await` as soon as that can be done for certain, and never about older code than was on
    disk when it was asked."""

    def __init__(self) -> None:
        self._waiters: list[_Waiter] = []

    def add(self, asked: Asked) -> None:
        """Waits from now on; only looks at the disk that begin after this count."""
        self._waiters.append(_Waiter(asked))

    def looked(self, identity: Identity) -> None:
        """The whole disk was looked at, and holds this."""
        for waiter in self._waiters:
            waiter.seen.add(identity)
            waiter.latest = identity

    def refuse(self, error: Exception) -> None:
        """No answer can be had at all."""
        for waiter in self._waiters:
            waiter.asked.refuse(error)
        self._waiters.clear()

    def unusable(self, revision: int, failure: Failure) -> None:
        """What is on disk cannot even be read as something to build, while `revision` serves."""
        for waiter in self._waiters:
            waiter.asked.reply(Outcome(False, revision, failure))
        self._waiters.clear()

    def settle(self, serving: Serving | None, *, given_up: Identity | None, failure: Failure) -> None:
        """Answers whom it can: `serving` is what serves; `given_up` is the state of the disk that nothing is
        being done about, and `failure` why."""
        alive = serving if serving is not None and serving.alive else None
        left = []
        for waiter in self._waiters:
            if alive is not None and alive.identity in waiter.seen:
                waiter.asked.reply(Outcome(True, alive.revision.number))
            elif given_up is not None and waiter.latest == given_up:
                waiter.asked.reply(Outcome(False, alive.revision.number if alive else 0, failure))
            elif not waiter.asked.answer.done():
                left.append(waiter)
        self._waiters = left
