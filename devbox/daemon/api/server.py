"""The control API served inside the daemon, on a socket that nobody but its user can use."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.daemon.api import SOCKET
from devbox.gate.server import open_control

if TYPE_CHECKING:
    from devbox.daemon.api.app import Controls
    from devbox.daemon.api.embedded import Server

_ENDS_WITHIN = 2.0
_LOOK_SECONDS = 2.0


@asynccontextmanager
async def control_api(directory: Path, control: Controls) -> AsyncIterator[None]:
    """Answers on `api.sock` in this directory, of mode 0700, while the block runs; then lets followers
    read to their end, for two seconds at most.

    Whoever asks before all of it is imported waits. A socket that is removed is made anew. Raises OSError
    where the first one cannot be made.
    """
    path = directory / SOCKET
    listener = open_control(path)
    task = asyncio.create_task(_serve(path, listener, control))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()


async def _serve(path: Path, listener: socket.socket, control: Controls) -> None:
    # On a thread: this takes a third of a second, in which a first build can begin.
    make = await asyncio.to_thread(_prepare, control)
    # What was imported stays: the collector need not look at it.
    gc.freeze()
    servers: list[Server] = []
    serving: set[asyncio.Task[None]] = set()
    try:
        while True:
            # Who asks by the former socket is answered on.
            servers.append(make())
            serving.add(asyncio.create_task(servers[-1].serve(sockets=[listener])))
            listener = await _removed(path)
    finally:
        for server in servers:
            server.end()
        await asyncio.wait(serving, timeout=_ENDS_WITHIN)


async def _removed(path: Path) -> socket.socket:
    """Waits until the socket at `path` is gone, for ever where it never is; another one in its place."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        anew = _opened_anew(path)
        if anew is not None:
            return anew


def _opened_anew(path: Path) -> socket.socket | None:
    """Another socket where the one at `path` was removed, and its directory is there."""
    if path.exists():
        return None
    try:
        return open_control(path)
    except OSError:
        return None


def _prepare(control: Controls) -> Callable[[], Server]:
    from devbox.daemon.api.app import application
    from devbox.daemon.api.embedded import server_of

    return partial(server_of, application(control))
