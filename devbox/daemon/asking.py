"""What people and programs ask a running loop for, done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from devbox.daemon.beforestart import Steps, written
from devbox.daemon.memory import of_place, recall
from devbox.daemon.orders import Asked, Await, Pause, Rebuild, Restart, Resume, Rollback
from devbox.daemon.parts import Parts
from devbox.daemon.revisions import to_restart, to_roll_back_to
from devbox.daemon.work import Again, Work
from devbox.errors import DevboxError, UsageError
from devbox.events import WatchPaused, WatchResumed
from devbox.model import Cold, Plan

_SETTLED_SOON = 0.05


class Asking:
    """Does what is asked, or has it done; `put` hands an order in once more."""

    def __init__(self, parts: Parts, put: Callable[[Asked], None]) -> None:
        self._parts, self._course, self._put = parts, parts.course, put

    async def take(self, asked: Asked) -> None:
        if self._parts.guards.engine_lost and not isinstance(asked.order, Pause | Resume):
            asked.refuse(self._parts.guards.loss())
            return
        match asked.order:
            case Pause() | Resume():
                if self._parts.agenda.pause(asked):
                    paused = isinstance(asked.order, Pause)
                    self._parts.tools.emit(WatchPaused() if paused else WatchResumed())
                self._parts.hints.look_again()
            case Await():
                self._parts.agenda.waiters.add(asked)
                self._parts.hints.look_again()
            case Rebuild():
                self._parts.agenda.rebuilds.append(asked)
                self._parts.hints.look_again()
            case Restart() | Rollback():
                await self._again(asked, asked.order)

    async def _again(self, asked: Asked, order: Restart | Rollback) -> None:
        """Lets an image serve again that is there already, whatever else is being made."""
        if self._parts.inflight.settled:
            # What can no longer be called off comes to its end first.
            asyncio.get_running_loop().call_later(_SETTLED_SOON, self._put, asked)
            return
        try:
            source, again = self._course.latest, await self._meant(order)
        except DevboxError as error:
            asked.refuse(error)
            return
        if source is None:
            asked.refuse(UsageError("nothing was built yet"))
            return
        if self._parts.inflight.builds and not self._parts.service.serves(source.identity):
            # It is built after this, unless an older revision serves in its place.
            self._course.attempted = None
        await self._parts.inflight.call_off(f"{again.why} asked for")
        work = Work(
            number=again.revision.number,
            source=source,
            plan=Plan(cause=f"{again.why} asked for"),
            first_seen=time.monotonic(),
            detect=0.0,
            again=again,
            steps=Steps(record=written(self._course.succeeded)),
        )
        self._parts.inflight.start(work, self._parts.service.serving, Cold(again.why), _undoubted)
        asked.reply(again.revision.number)

    async def _meant(self, order: Restart | Rollback) -> Again:
        if isinstance(order, Restart):
            return to_restart(self._parts.service.serving)
        memory = await recall(self._parts.tools.engine, self._parts.project.config)
        serving, course = self._parts.service.number, self._course
        images = [image for image in memory.images if of_place(image.labels, self._parts.project.config)]
        return to_roll_back_to(order.revision, images, serving, course.number, course.is_fit)


async def _undoubted(work: Work) -> None:
    """What was asked for serves whatever is on disk."""
    del work
