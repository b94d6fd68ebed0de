"""`devbox logs`: what the application writes, revision after revision."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from devbox.config import Config
from devbox.daemon.extent import Extent
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.memory import recall
from devbox.engine import connect
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, LogLine
from devbox.errors import EngineUnreachable, NotFound
from devbox.model import LABEL_ROLE
from devbox.release.spec import ROLE_APP
from devbox.release.standby.wire import MARKER

_LOOK_EVERY = 0.3

Put = Callable[[LogLine], None]


async def read_logs(config: Config, put: Put, extent: Extent) -> bool:
    """Hands on what the newest revision wrote; following, also what it and those that take its place write,
    until the project is down. False where no revision is there; raises EngineError."""
    engine = await connect()
    try:
        found = await _revisions(engine, config)
        if not found:
            return False
        if extent.follow:
            await _follow(engine, config, found, extent, put)
        else:
            await _read(engine, found[0].id, put, extent)
    finally:
        await engine.close()
    return True


async def _revisions(engine: Engine, config: Config) -> list[ContainerFacts]:
    """Their containers, the newest first."""
    memory = await recall(engine, config)
    return [item for item in memory.containers if item.labels.get(LABEL_ROLE) == ROLE_APP]


async def _follow(
    engine: Engine, config: Config, first: list[ContainerFacts], extent: Extent, put: Put
) -> None:
    known = {item.id for item in first}
    reading = {asyncio.create_task(_read(engine, first[0].id, put, extent))}
    try:
        while True:
            found = await _revisions(engine, config)
            if not found and holder(runtime_directory(config.place)) is None:
                break
            for item in reversed(found):
                if item.id not in known:
                    known.add(item.id)
                    reading.add(asyncio.create_task(_read(engine, item.id, put, Extent(follow=True))))
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def _read(engine: Engine, container: str, put: Put, extent: Extent) -> None:
    # Where the engine goes, whoever asks for the next revision says so.
    with contextlib.suppress(NotFound, EngineUnreachable):
        lines = engine.logs(container, follow=extent.follow, tail=extent.tail, since=extent.since)
        async for line in lines:
            # What the hook of a standby says is for devbox.
            if not line.line.startswith(MARKER):
                put(line)
