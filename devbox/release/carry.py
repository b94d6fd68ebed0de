"""Work on the engine that is carried to its end although the task that wants it is being cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine

from devbox.errors import EngineError

CLEANUP_BOUND = 15.0


async def shielded(work: Coroutine[object, object, None]) -> None:
    """Carries work to its end, 15 s at most, also while this task is being cancelled; its failure is none."""
    with contextlib.suppress(TimeoutError, EngineError):
        async with asyncio.timeout(CLEANUP_BOUND):
            await carried(work, CLEANUP_BOUND)


async def carried(work: Coroutine[object, object, None], bound: float) -> None:
    """Waits for work that the engine goes on with whether or not anybody waits: a cancellation takes effect
    only at its end, or after `bound` seconds."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=bound)
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
