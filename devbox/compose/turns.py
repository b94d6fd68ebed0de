"""One at a time: what Compose and devbox make of a compose project, where several sessions do so at once."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devbox.errors import ServicesFailed

_ASK_AGAIN = 0.1


@asynccontextmanager
async def turn(root: Path, within: float) -> AsyncIterator[None]:
    """Holds the turn of the compose project in `root`, the folder itself being the lock.

    Raises ServicesFailed where it is somebody else's for longer than `within` seconds. A file
    system that knows no locks is no reason not to go on.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        await _take(descriptor, root, within)
        yield
    finally:
        os.close(descriptor)


async def _take(descriptor: int, root: Path, within: float) -> None:
    deadline = asyncio.get_running_loop().time() + within
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() > deadline:
                raise ServicesFailed(
                    f"another devbox is starting services of {root}", cause=f"waited {within:.0f} s"
                ) from None
            await asyncio.sleep(_ASK_AGAIN)
        except OSError:
            return
        else:
            return
