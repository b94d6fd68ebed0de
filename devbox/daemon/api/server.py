"""The control API served inside the daemon, on a socket that nobody but its user can use."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.daemon.api import SOCKET
from devbox.gate.server import open_control

if TYPE_CHECKING:
    from devbox.daemon.api.app import Controls
    from devbox.daemon.api.embedded import Server

_ENDS_WITHIN = 2.0


@asynccontextmanager
async def control_api(directory: Path, control: Controls) -> AsyncIterator[None]:
    """Answers on `api.sock` in this directory, of mode 0700, while the block runs; then lets followers
    read to their end, for two seconds at most.

    Whoever asks before all of it is imported waits. Raises OSError where the socket cannot be made.
    """
    path = directory / SOCKET
    listener = open_control(path)
    task = asyncio.create_task(_serve(listener, control))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()


async def _serve(listener: socket.socket, control: Controls) -> None:
    # On a thread: this takes a third of a second, in which a first build can begin.
    server = await asyncio.to_thread(_prepare, control)
    # What was imported stays: the collector need not look at it.
    gc.freeze()
    ended = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(ended)
    finally:
        server.end()
        await asyncio.wait({ended}, timeout=_ENDS_WITHIN)


def _prepare(control: Controls) -> Server:
    from devbox.daemon.api.app import application
    from devbox.daemon.api.embedded import server_of

    return server_of(application(control))
