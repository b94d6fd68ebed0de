"""What serves, when the engine starts it again or kills something in it for its memory."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from devbox.config import Config
from devbox.daemon.guards import AppAnswers, AppEnded, Guards
from devbox.daemon.news import failure_of
from devbox.daemon.outlook import Outlook
from devbox.daemon.tools import Tools
from devbox.daemon.work import Serving
from devbox.engine.values import ContainerFacts
from devbox.errors import EngineError, GateError, StartFailed
from devbox.events import AppOutOfMemory, ReleaseFailed, ReleaseServed, TimingsInfo

# The end of a container follows the killing of its first process by less.
_END_FOLLOWS_WITHIN = 0.5


class Resuming:
    """The way back of a container that served and ended; what it waits for runs as tasks of `group`."""

    def __init__(self, tools: Tools, guards: Guards, group: asyncio.TaskGroup) -> None:
        self._tools, self._guards, self._group = tools, guards, group
        self._killings: asyncio.Task[None] | None = None

    async def begin(self, serving: Serving, facts: ContainerFacts, config: Config) -> None:
        """Waits beside the loop until the container, which runs again, is ready."""
        try:
            image = await self._tools.engine.image(serving.revision.image)
        except EngineError:
            return
        if image is None:
            return
        number = serving.revision.number
        self._tools.logs.follow(serving.container, number, since=facts.started)
        self._guards.watch_again(serving, Outlook(self._tools, config).readiness(image))

    async def end(self, serving: Serving, answers: AppAnswers, config: Config) -> Serving | AppEnded | None:
        """Lets the container serve again; the end of one that ended meanwhile, None where it is not ready."""
        number, outcome = serving.revision.number, answers.outcome
        if isinstance(outcome, StartFailed):
            if outcome.exit_status is not None:
                return AppEnded(serving.container, outcome.exit_status, serving.started)
            self._tools.emit(ReleaseFailed(revision=number, failure=failure_of(outcome)))
            return None
        try:
            image = await self._tools.engine.image(serving.revision.image)
            if outcome.restart != config.restart:
                await self._tools.engine.restart_policy(serving.container, config.restart)
        except EngineError:
            return None
        if image is None:
            return None
        outlook = Outlook(self._tools, config)
        ports = outlook.ports(image)
        found = outlook.backends(outcome, ports)
        if config.swap == "rolling":
            # A gate that is being mended gets the same targets.
            with contextlib.suppress(GateError):
                await self._tools.ports.flip(found)
        url = outlook.url(ports, outcome)
        self._tools.emit(
            ReleaseServed(
                revision=number,
                image=serving.revision.image,
                strategy="restarted",
                url=url,
                timings=TimingsInfo(boot=round(answers.seconds, 4), total=round(answers.seconds, 4)),
            )
        )
        return replace(serving, backends=tuple(found.values()), url=url, alive=True, started=outcome.started)

    def killed(self, serving: Serving) -> None:
        """Says that something in the container was killed for its memory, unless the container ends of it."""
        if self._killings is None or self._killings.done():
            self._killings = self._group.create_task(self._killed(serving))

    async def _killed(self, serving: Serving) -> None:
        await asyncio.sleep(_END_FOLLOWS_WITHIN)
        facts = await self._guards.container(serving.container)
        if facts is not None and facts.running and facts.started == serving.started:
            self._tools.emit(AppOutOfMemory(revision=serving.revision.number, memory_limit=facts.memory))
