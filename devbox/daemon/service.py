"""What serves: taken over, replaced, retired, and missed when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace

from devbox.config import Config
from devbox.daemon.guards import AppAnswers, AppBegan, AppEnded, AppOverMemory, Guards
from devbox.daemon.housekeeping import remove_superseded_images
from devbox.daemon.news import SHOWN_LINES
from devbox.daemon.problems import problems_of_exit
from devbox.daemon.resuming import Resuming
from devbox.daemon.tools import Tools
from devbox.daemon.work import Identity, Serving, Source
from devbox.endings import KILLED, how_it_ended
from devbox.errors import DevboxError, EngineError
from devbox.events import AppExited
from devbox.release.probe import log_tail
from devbox.release.strategies import retire

_ADOPTED_LATELY = 60.0
_QUIET = 2.0
_NEVER_QUIET = 30.0
_ENDS_OF_IT_WITHIN = 10.0


class Service:
    """The serving container of one project; what it does beside the loop runs as tasks of `group`. Images of
    revisions that are not `fit` to serve again are not kept."""

    def __init__(
        self, tools: Tools, guards: Guards, group: asyncio.TaskGroup, fit: Callable[[int], bool]
    ) -> None:
        self._tools, self._guards, self._group, self._fit = tools, guards, group, fit
        self.serving: Serving | None = None
        self._resuming = Resuming(tools, guards, group)
        self._adopted_at = -math.inf
        self._tidying: asyncio.Task[None] | None = None
        self._quiet_at = -math.inf
        self._over_memory_at = -math.inf

    @property
    def number(self) -> int:
        """The revision that serves, 0 where none does."""
        return self.serving.revision.number if self.serving is not None and self.serving.alive else 0

    def serves(self, identity: Identity) -> bool:
        """Whether what has this identity serves and lives."""
        return self.serving is not None and self.serving.alive and self.serving.identity == identity

    def take_over(self, serving: Serving) -> None:
        """Goes on with what a former daemon left serving."""
        self.serving = serving
        self._adopted_at = time.monotonic()
        self._follow(serving)

    def replaced_by(self, serving: Serving, config: Config) -> None:
        """Lets the former revision go, now that another one has its ports."""
        former, self.serving = self.serving, serving
        self._adopted_at = -math.inf
        self._guards.watch_app(serving)
        if former is not None:
            self._group.create_task(self._retire(former, config))

    @property
    def just_adopted(self) -> bool:
        """True for a moment after `take_over`: a stop asked for by a former daemon may still be under way."""
        return time.monotonic() - self._adopted_at < _ADOPTED_LATELY

    def tidy(self, config: Config) -> None:
        """Lets images that nobody needs go, once nothing was built for a moment: removing one keeps the next
        build waiting (seen with the containerd image store, 0.5 s)."""
        self._quiet_at = time.monotonic() + _QUIET
        if self._tidying is None or self._tidying.done():
            self._tidying = self._group.create_task(self._tidy(config))

    async def ended(self, message: AppEnded, source: Source | None, config: Config) -> AppExited | None:
        """Says that the application ended by itself; None where the message is about a former one or a former
        run. `source` is what was last known to serve."""
        serving = self.serving
        if serving is None or not serving.alive:
            return None
        if (serving.container, serving.started) != (message.container, message.started):
            return None
        self.serving = replace(serving, alive=False)
        facts = await self._guards.container(message.container)
        limit = facts.memory if facts else 0
        # The engine's mark stays for good, also where it was a worker of an hour ago.
        lately = time.monotonic() - self._over_memory_at < _ENDS_OF_IT_WITHIN
        killed = facts is not None and facts.out_of_memory and (message.status == KILLED or lately)
        how = how_it_ended(message.status, killed=killed, limit=limit)
        what = f"revision {serving.revision.number} {how}"
        log = await log_tail(self._tools.engine, message.container)
        known = source is not None and source.identity == serving.identity
        event = AppExited(
            revision=serving.revision.number,
            exit_status=message.status,
            out_of_memory=killed,
            memory_limit=limit,
            restarting=facts is not None and (facts.starts_again or facts.running),
            log=log[-SHOWN_LINES:],
            problems=await problems_of_exit(what, log, source) if source is not None and known else (),
        )
        self._tools.emit(event)
        by = "Docker" if event.restarting else "the next save"
        await self._guards.refuse_clients(f"devbox: {what}; {by} starts it again")
        if facts is not None and facts.running:
            await self._resuming.begin(self.serving, facts, config)
        return event

    async def began(self, message: AppBegan, config: Config) -> None:
        """Takes the container that served up again, now that it was started by somebody else."""
        serving = self.serving
        if serving is None or serving.container != message.container:
            return
        if serving.alive:
            # Its end is still to be told. It may have come before the wait for it was heard: looked for anew.
            self._guards.watch_app(serving)
            return
        facts = await self._guards.container(serving.container)
        if facts is not None and facts.running:
            await self._resuming.begin(serving, facts, config)

    async def answers(self, message: AppAnswers, config: Config) -> AppEnded | None:
        """Lets what was started again serve; its end where it ended once more."""
        serving = self.serving
        if serving is None or serving.container != message.container or serving.alive:
            return None
        outcome = await self._resuming.end(serving, message, config)
        if isinstance(outcome, AppEnded):
            # Told as any end is.
            self.serving = replace(serving, alive=True)
            return outcome
        if outcome is not None:
            self.serving = outcome
            self._guards.watch_app(outcome)
        return None

    def over_memory(self, message: AppOverMemory) -> None:
        """Says that something in what serves was killed for its memory."""
        if self.serving is not None and self.serving.container == message.container and self.serving.alive:
            self._over_memory_at = time.monotonic()
            self._resuming.killed(self.serving)

    async def look_up(self) -> bool:
        """Finds out whether what served, stopped to make way, was started again; false where it was not."""
        if self.serving is None or not self.serving.alive:
            return True
        facts = await self._guards.container(self.serving.container)
        if facts is None or not facts.running:
            self.serving = replace(self.serving, alive=False)
            return False
        self.serving = replace(self.serving, started=facts.started)
        self._follow(self.serving)
        return True

    async def find_again(self, config: Config) -> bool:
        """Finds out whether the engine, on its return, still runs what served; false where it does not.

        What it started again since then is taken up again.
        """
        if self.serving is None:
            return True
        serving, facts = self.serving, await self._guards.container(self.serving.container)
        if facts is not None and facts.running and facts.started == serving.started and serving.alive:
            self._follow(serving)
            return True
        was_alive, self.serving = serving.alive, replace(serving, alive=False)
        if facts is not None and facts.running:
            await self._resuming.begin(self.serving, facts, config)
            return True
        return not was_alive or (facts is not None and facts.starts_again)

    async def _tidy(self, config: Config) -> None:
        at_latest = time.monotonic() + _NEVER_QUIET
        # It waits for a moment that each build puts off.
        while (left := min(self._quiet_at, at_latest) - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        serving = (self.serving.revision.image,) if self.serving is not None else ()
        await remove_superseded_images(self._tools.engine, config, serving, self._fit)

    def _follow(self, serving: Serving) -> None:
        self._guards.watch_app(serving)
        self._tools.logs.follow(serving.container, serving.revision.number, tail=0)

    async def _retire(self, former: Serving, config: Config) -> None:
        """Lets the connections of a former revision come to their end, then stops and removes it."""
        # A gate that cannot be asked has no connections worth waiting for.
        with contextlib.suppress(DevboxError):
            await self._tools.ports.drain(former.backends)
        try:
            await retire(self._tools.engine, former.container, config.stop_grace)
        except EngineError:
            # The next `up` or `down` finds it by its labels.
            return
        await self._tools.logs.finish(former.container)
        # It may have held an image that nobody needs any more.
        self.tidy(config)
