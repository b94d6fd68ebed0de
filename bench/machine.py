"""The machine that the figures belong to."""

from __future__ import annotations

import asyncio
import os
import platform
from dataclasses import dataclass

from devbox.engine import connect
from devbox.errors import EngineError

ASK_BOUND = 20.0


@dataclass(frozen=True, slots=True)
class Machine:
    """`engine` is the container engine and its version, '' where none answers."""

    cores: int
    kernel: str
    python: str
    engine: str


async def this_machine() -> Machine:
    """This machine and the engine it uses."""
    kernel = f"{platform.system()} {platform.release()}"
    return Machine(os.cpu_count() or 1, kernel, platform.python_version(), await _engine())


async def _engine() -> str:
    try:
        async with asyncio.timeout(ASK_BOUND):
            engine = await connect()
            try:
                info = await engine.info()
            finally:
                await engine.close()
    except (EngineError, TimeoutError):
        return ""
    return f"{info.name} {info.version}" + (f" ({info.image_store})" if info.image_store else "")
