"""One command before a start, run in a container of its own to its end. Decides nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from devbox.endings import how_it_ended
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerSpec, LogLine
from devbox.errors import BeforeStartFailed, StartFailed
from devbox.release.carry import shielded
from devbox.release.strategies import create

_LOG_LINES = 400


async def run_before_start(
    engine: Engine, spec: ContainerSpec, text: str, bound: float, tell: Callable[[LogLine], None]
) -> None:
    """Runs the container to its end, and tells each line that it writes; nothing of it is left then.

    `text` is its command in words. Raises BeforeStartFailed where it cannot be begun, is not done within
    `bound` seconds, or does not exit with 0; EngineError.
    """
    what = f"before_start {text}"
    log: deque[str] = deque(maxlen=_LOG_LINES)
    container = await create(engine, spec)
    try:
        try:
            await engine.start(container)
        except StartFailed as error:
            raise BeforeStartFailed(f"{what}: cannot be run", cause=error.cause) from error
        try:
            async with asyncio.timeout(bound):
                async for piece in engine.logs(container, follow=True):
                    log.append(piece.line)
                    tell(piece)
                status = await engine.wait(container)
        except TimeoutError as error:
            raise BeforeStartFailed(
                f"{what}: was not done within {bound:g}s",
                log=tuple(log),
                hint="before_start_timeout in the settings gives it longer",
            ) from error
        if status:
            facts = await engine.container(container)
            killed, limit = (facts.out_of_memory, facts.memory) if facts is not None else (False, 0)
            how = how_it_ended(status, killed=killed, limit=limit)
            raise BeforeStartFailed(f"{what}: {how}", exit_status=status, log=tuple(log))
    finally:
        await shielded(engine.remove_container(container))
