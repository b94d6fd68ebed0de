"""`devbox logs`: what the application writes, revision after revision."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from devbox.config import Config
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.memory import recall, revision_number
from devbox.engine import connect
from devbox.engine.protocol import ContainerFacts, Engine, LogLine
from devbox.errors import EngineUnreachable, NotFound
from devbox.model import LABEL_ROLE
from devbox.release.spec import ROLE_APP
from devbox.release.standby.wire import MARKER

_LOOK_EVERY = 0.3

Put = Callable[[LogLine], None]


async def read_logs(config: Config, put: Put, *, follow: bool, tail: int | None) -> bool:
    """Hands on what the newest revision wrote, or the last `tail` lines of it; with `follow` also what it and
    those after it write, until the project is down. False where no revision is there; raises EngineError."""
    engine = await connect()
    try:
        newest = next(iter(await _revisions(engine, config)), None)
        if newest is None:
            return False
        if follow:
            await _follow(engine, config, newest, tail, put)
        else:
            await _read(engine, newest.id, put, follow=False, tail=tail)
    finally:
        await engine.close()
    return True


async def _revisions(engine: Engine, config: Config) -> list[ContainerFacts]:
    """Their containers, the newest first."""
    memory = await recall(engine, config)
    return [item for item in memory.containers if item.labels.get(LABEL_ROLE) == ROLE_APP]


async def _follow(engine: Engine, config: Config, newest: ContainerFacts, tail: int | None, put: Put) -> None:
    last = revision_number(newest.labels)
    reading = {asyncio.create_task(_read(engine, newest.id, put, follow=True, tail=tail))}
    try:
        while True:
            found = await _revisions(engine, config)
            if not found and holder(runtime_directory(config.root)) is None:
                break
            for item in reversed(found):
                if revision_number(item.labels) > last:
                    last = revision_number(item.labels)
                    reading.add(asyncio.create_task(_read(engine, item.id, put, follow=True, tail=None)))
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def _read(engine: Engine, container: str, put: Put, *, follow: bool, tail: int | None) -> None:
    # Where the engine goes, whoever asks for the next revision says so.
    with contextlib.suppress(NotFound, EngineUnreachable):
        async for line in engine.logs(container, follow=follow, tail=tail):
            # What the hook of a standby says is for devbox.
            if not line.line.startswith(MARKER):
                put(line)
