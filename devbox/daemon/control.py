"""What can be asked of a running session, by the control API and by the keys of its own screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator

from devbox import __version__
from devbox.config import Config
from devbox.daemon.api import models
from devbox.daemon.hub import Hub, Kept
from devbox.daemon.loop import Loop
from devbox.daemon.memory import recall, revision_number
from devbox.daemon.orders import Await, Order, Outcome, Pause, Rebuild, Restart, Resume, Rollback
from devbox.daemon.places import posix
from devbox.daemon.source import Settings
from devbox.daemon.standing import Standing, reduce
from devbox.engine.protocol import Engine
from devbox.errors import DevboxError
from devbox.events import Event

_ORDERED_WITHIN = 60.0


class Control:
    """One session, asked from other tasks of its event loop. A subscriber of its bus.

    Orders are answered once what they ask for has begun, within a minute; each raises DevboxError where it is
    refused.
    """

    def __init__(self, engine: Engine, settings: Settings, hub: Hub, stop: Callable[[], None]) -> None:
        self._engine, self._settings, self._hub, self._stop = engine, settings, hub, stop
        self._standing = Standing()
        self._serving: Callable[[], str] = str
        self._loop: asyncio.Future[Loop] = asyncio.get_running_loop().create_future()

    def __call__(self, event: Event) -> None:
        """Takes every event of the session."""
        self._standing = reduce(self._standing, event)

    def governs(self, loop: Loop) -> None:
        """From now on orders go to this loop; those asked earlier, too."""
        self._loop.set_result(loop)
        self._serving = lambda: loop.container

    @property
    def paused(self) -> bool:
        """Whether changes on disk lead to nothing."""
        return self._standing.paused

    def status(self) -> models.Status:
        """How the project stands."""
        now = self._standing
        config = self._settings.config
        return models.Status(
            project=config.project,
            root=posix(str(config.place)),
            state=now.state,
            revision=now.revision,
            image=now.image,
            container=self._serving() if now.revision else "",
            urls=now.urls,
            building=now.building,
            failed=now.failed,
            failure=now.failure,
            paused=now.paused,
            rolled_back=now.rolled_back,
            settings_refused=self._settings.refused,
            standby=now.standby,
            engine=now.engine,
            engine_lost=now.engine_lost,
            config_hash=config.config_hash,
            version=__version__,
            pid=os.getpid(),
            last=self._hub.last,
        )

    def config(self) -> Config:
        """The settings in force."""
        return self._settings.config

    async def rebuild(self, order: models.RebuildOrder) -> models.Begun:
        """Builds what is on disk though nothing changed."""
        return await self._begin(Rebuild(no_cache=order.no_cache, pull=order.pull))

    async def restart(self) -> models.Begun:
        """Lets a new container of what serves take over."""
        return await self._begin(Restart())

    async def rollback(self, order: models.RollbackOrder) -> models.Begun:
        """Lets an older revision serve again, until the next save."""
        return await self._begin(Rollback(order.revision))

    async def pause(self) -> models.Watching:
        """Changes on disk lead to nothing from now on."""
        await self._order(Pause())
        return models.Watching(paused=True)

    async def resume(self) -> models.Watching:
        """Changes on disk are built again, also those made meanwhile."""
        await self._order(Resume())
        return models.Watching(paused=False)

    async def wait(self, order: models.WaitOrder) -> models.Waited:
        """Waits until what is on disk serves, or cannot, or the time is over."""
        try:
            async with asyncio.timeout(order.timeout):
                loop = await asyncio.shield(self._loop)
                outcome = await loop.order(Await())
        except TimeoutError:
            now = self._standing
            return models.Waited(result="timeout", revision=now.revision, building=now.building, failure=None)
        assert isinstance(outcome, Outcome)
        return models.Waited(
            result="serving" if outcome.serves else "failed",
            revision=outcome.revision,
            building=self._standing.building,
            failure=outcome.failure,
        )

    async def revisions(self) -> models.Revisions:
        """The revisions that can be rolled back to."""
        memory = await recall(self._engine, self._settings.config)
        kept = sorted(filter(None, (revision_number(image.labels) for image in memory.images)))
        return models.Revisions(serving=self._standing.revision, kept=tuple(kept))

    def stop(self) -> None:
        """Ends the session as Ctrl-C does."""
        self._stop()

    def kept(self, after: int) -> Iterator[Kept]:
        """The kept events with a higher `seq`."""
        return self._hub.kept(after)

    def follow(self, after: int) -> AsyncIterator[Kept]:
        """The same, and each new one, until the session ends."""
        return self._hub.follow(after)

    async def _begin(self, order: Order) -> models.Begun:
        after = self._hub.last
        return models.Begun(number=await self._order(order), after=after)

    async def _order(self, order: Order) -> int:
        try:
            async with asyncio.timeout(_ORDERED_WITHIN):
                loop = await asyncio.shield(self._loop)
                answer = await loop.order(order)
        except TimeoutError as error:
            raise DevboxError(
                "devbox did not come to it within a minute", hint="a build that is under way comes first"
            ) from error
        assert isinstance(answer, int)
        return answer
