"""The services beside the developed one, as a session keeps them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

from devbox.compose.services import Services
from devbox.compose.values import Compose
from devbox.config import Config
from devbox.daemon.news import failure_of
from devbox.daemon.synced import unsynced
from devbox.daemon.work import Source
from devbox.errors import ServicesFailed as ServicesError
from devbox.events import (
    ContextNotice,
    Emit,
    Event,
    ReleaseServed,
    ServicesFailed,
    ServicesLog,
    ServicesReady,
    ServicesStarting,
)


class Beside:
    """Has Docker Compose run what the compose file describes besides: before the developed service what that
    may need, after it first serves what needs it. What runs is left running.

    Hears the session's events; what fails after the beginning is told by an event, and the next change of the
    compose file tries again.
    """

    def __init__(self, emit: Emit, environ: Mapping[str, str]) -> None:
        self._emit, self._environ = emit, environ
        self._config: Config | None = None
        self._serves = False
        self._task: asyncio.Task[None] | None = None

    def __call__(self, event: Event) -> None:
        """Starts what needs the developed service once that serves."""
        if isinstance(event, ReleaseServed) and not self._serves:
            self._serves = True
            if self._config is not None and self._config.compose is not None:
                self._begin(self._config, self._config.compose, self._config.compose.after)

    async def begin(self, config: Config, source: Source) -> None:
        """Returns once what the developed service, built from `source`, may need is ready; raises
        ServicesFailed, which is told."""
        self._config = config
        if config.compose is None:
            return
        for notice in (*_notices(config.compose), *unsynced(config.compose, source)):
            self._emit(ContextNotice(notice=notice))
        await self._bring_up(config, config.compose, config.compose.before)

    def follow(self, config: Config) -> None:
        """Has changed services run as they are described now."""
        former, self._config = self._config, config
        if config.compose is None:
            return
        if former is None or former.compose is None or former.compose.digest != config.compose.digest:
            after = config.compose.after if self._serves else ()
            self._begin(config, config.compose, (*config.compose.before, *after))

    async def close(self) -> None:
        """Ends what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _begin(self, config: Config, compose: Compose, services: Sequence[str]) -> None:
        if services:
            self._task = asyncio.create_task(self._in_turn(self._task, config, compose, services))

    async def _in_turn(
        self, former: asyncio.Task[None] | None, config: Config, compose: Compose, services: Sequence[str]
    ) -> None:
        if former is not None:
            former.cancel()
            await asyncio.wait({former})
        with contextlib.suppress(ServicesError):
            await self._bring_up(config, compose, services)

    async def _bring_up(self, config: Config, compose: Compose, services: Sequence[str]) -> None:
        if not services:
            return
        began, names = time.monotonic(), tuple(services)
        self._emit(ServicesStarting(services=names))
        running = Services(config.root, compose, self._environ)
        try:
            await running.bring_up(names, lambda line: self._emit(ServicesLog(line=line.strip())))
        except ServicesError as error:
            self._emit(ServicesFailed(services=names, failure=failure_of(error)))
            raise
        self._emit(ServicesReady(services=names, seconds=round(time.monotonic() - began, 4)))


def _notices(compose: Compose) -> tuple[str, ...]:
    """What a person should know of a compose file that is taken as configuration."""
    left_out = f"{compose.file}: left out, not supported: {', '.join(compose.unsupported)}"
    warned = (f"{compose.file}: {warning}" for warning in compose.warnings)
    return (*warned, *((left_out,) if compose.unsupported else ()))
