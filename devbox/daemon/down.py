"""`devbox down`: ends the project's daemon, if one runs, and everything of the project."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from devbox.compose.services import Services
from devbox.config import Config
from devbox.daemon.hostports import HostPorts
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.memory import other_user, recall
from devbox.daemon.teardown import Removed, take_down
from devbox.engine import connect
from devbox.errors import AlreadyRunning, UsageError

_DAEMON_ENDS_WITHIN = 30.0
_POLL = 0.05


async def bring_down(config: Config, *, volumes: bool) -> Removed:
    """Ends the daemon as Ctrl-C would, then removes what is left; raises AlreadyRunning where it does not
    end within 30 seconds or is another user's, EngineError where the engine does not let go."""
    directory = runtime_directory(config.place)
    await _end_daemon(directory)
    engine = await connect()
    try:
        user = other_user(await recall(engine, config), config)
        if user is not None:
            raise AlreadyRunning(f"user {user} runs this project", hint=f"run devbox down as {user}")
        return await take_down(engine, config, HostPorts(engine, directory), volumes=volumes)
    finally:
        await engine.close()


async def bring_services_down(config: Config, environ: Mapping[str, str], *, volumes: bool) -> None:
    """Has Docker Compose stop and remove what it runs of the compose file, with `volumes` also their data;
    raises UsageError where the project has no compose file, ServicesFailed where Compose fails."""
    if config.compose is None:
        raise UsageError(
            "there are no services to stop", cause=f"{config.root} has no compose file that builds"
        )
    await Services(config.root, config.compose, environ).down(volumes=volumes)


async def _end_daemon(directory: Path) -> None:
    pid = holder(directory)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _DAEMON_ENDS_WITHIN
    while holder(directory) is not None:
        if time.monotonic() >= deadline:
            raise AlreadyRunning(
                f"the devbox with process id {pid} does not end",
                hint=f"end it with kill -9 {pid}, then try again",
            )
        await asyncio.sleep(_POLL)
