"""What moves a renderer's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from devbox.report import Renderer


@asynccontextmanager
async def ticking(renderer: Renderer, unread: Callable[[], None]) -> AsyncIterator[None]:
    """Moves the renderer's clock at its pace while the block runs; `unread` is called, with each tick, once
    nobody reads it any more."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(renderer.pace)
            renderer.tick()
            if renderer.closed:
                unread()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
