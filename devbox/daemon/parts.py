"""What the loop's handlers work with: the session's parts, and what it knows so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devbox.daemon.agenda import Agenda
from devbox.daemon.counsel import Counsel
from devbox.daemon.guards import Guards
from devbox.daemon.inflight import Inflight
from devbox.daemon.news import News
from devbox.daemon.planner import Planner
from devbox.daemon.project import Project
from devbox.daemon.service import Service
from devbox.daemon.standbys import Standbys
from devbox.daemon.tools import Tools
from devbox.daemon.work import Identity, Source
from devbox.events import Failure
from devbox.watch import Degraded, Look, Reason, Watcher


@dataclass(slots=True)
class Course:
    """Where a session stands: the newest build's number, what was tried last, what serves, what the last
    failure was, and for which files the commands before a start have succeeded. Only the loop's own task
    changes it."""

    number: int = 0
    attempted: Identity | None = None
    served: Source | None = None
    latest: Source | None = None
    unserved_since: float | None = None
    called_off_in_row: int = 0
    given_up: Failure = field(default_factory=lambda: Failure(what="nothing was built yet"))
    begun_after: int = 0
    never_served: frozenset[int] = frozenset()
    came_to_serve: set[int] = field(default_factory=set)
    succeeded: dict[str, str] = field(default_factory=dict)

    def is_fit(self, number: int) -> bool:
        """Whether a revision may serve again: not one that never did."""
        if number in self.came_to_serve:
            return True
        return number <= self.begun_after and number not in self.never_served


class Hints:
    """What has the loop look at the disk: the watcher that the settings name, and the loop itself."""

    def __init__(self, put: Callable[[Look | Degraded], None], group: asyncio.TaskGroup) -> None:
        self._put, self._group = put, group
        self._followed: Watcher | None = None
        self._following: asyncio.Task[None] | None = None

    def follow(self, watcher: Watcher) -> None:
        """Takes every look that this watcher asks for, and no other's any more."""
        if self._followed is watcher:
            return
        self._followed = watcher
        if self._following is not None:
            self._following.cancel()
        self._following = self._group.create_task(self._hints(watcher))

    def look_again(self, after: float = 0.0) -> None:
        """Has the disk looked at though nothing was touched, in `after` seconds."""
        now = time.monotonic()
        look = Look(now, now, Reason.RESTARTED)
        if after:
            asyncio.get_running_loop().call_later(after, self._put, look)
        else:
            self._put(look)

    async def _hints(self, watcher: Watcher) -> None:
        async for news in watcher.looks():
            self._put(news)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one running session; `watch` where it follows the disk."""

    project: Project
    tools: Tools
    watch: bool
    news: News
    course: Course
    agenda: Agenda
    hints: Hints
    guards: Guards
    inflight: Inflight
    service: Service
    standbys: Standbys
    planner: Planner
    counsel: Counsel

    def serves(self, source: Source) -> None:
        """Knows what serves by what it was built from."""
        self.course.served = source
        if self.service.serving is not None:
            self.tools.logs.served_by(self.service.serving.container, source)
