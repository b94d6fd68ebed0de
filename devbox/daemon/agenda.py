"""What a loop was asked for and has not done yet."""

from __future__ import annotations

from devbox.daemon.news import failure_of
from devbox.daemon.orders import Asked, Pause, Rebuild
from devbox.daemon.waiters import Waiters
from devbox.errors import DevboxError


class Agenda:
    """Orders that wait for the loop to get to them, and whether it is paused."""

    def __init__(self) -> None:
        self.paused = False
        self.waiters = Waiters()
        self.rebuilds: list[Asked] = []

    @property
    def wants_no_cache(self) -> bool:
        """Whether the next build is to take no step from the cache."""
        return any(isinstance(asked.order, Rebuild) and asked.order.no_cache for asked in self.rebuilds)

    @property
    def wants_pull(self) -> bool:
        """Whether the next build is to fetch its base images anew."""
        return any(isinstance(asked.order, Rebuild) and asked.order.pull for asked in self.rebuilds)

    def pause(self, asked: Asked) -> bool:
        """Answers a Pause or a Resume; whether it changed anything."""
        former, self.paused = self.paused, isinstance(asked.order, Pause)
        asked.reply(0)
        return former != self.paused

    def begun(self, build: int) -> None:
        """The build that was asked for has begun."""
        for asked in self.rebuilds:
            asked.reply(build)
        self.rebuilds.clear()

    def unusable(self, revision: int, error: DevboxError) -> None:
        """No build can start from what is on disk, while `revision` serves."""
        self._refuse_rebuilds(error)
        self.waiters.unusable(revision, failure_of(error))

    def refuse(self, error: DevboxError) -> None:
        """Nothing can be done at all."""
        self._refuse_rebuilds(error)
        self.waiters.refuse(error)

    def _refuse_rebuilds(self, error: DevboxError) -> None:
        for asked in self.rebuilds:
            asked.refuse(error)
        self.rebuilds.clear()
