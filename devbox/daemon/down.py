"""`devbox down`: ends the project's daemon, if one runs, and everything of the project."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from devbox.compose.services import Services
from devbox.compose.values import Compose
from devbox.config import Config
from devbox.daemon.hostports import HostPorts
from devbox.daemon.inforce import in_force
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.memory import other_user, recall
from devbox.daemon.teardown import Removed, take_down
from devbox.engine import connect
from devbox.errors import AlreadyRunning, DevboxError, UsageError

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


async def compose_of(configs: Sequence[Config]) -> Compose | None:
    """The compose project of a folder: the one that a devbox there works with, whose flags may have named it,
    else the one that the files name; None where neither does."""
    for config in configs:
        with contextlib.suppress(DevboxError):
            running = await in_force(config.place)
            told = running.values.get("compose") if running is not None else None
            if told:
                return Compose(told["name"], told["service"], told["file"], tuple(told["command"]))
    return configs[0].compose


async def bring_services_down(
    root: Path, compose: Compose | None, environ: Mapping[str, str], *, volumes: bool
) -> None:
    """Has Docker Compose stop and remove what it runs of the compose file, with `volumes` also their data;
    raises UsageError where the project in `root` has no compose file, ServicesFailed where Compose fails."""
    if compose is None:
        raise UsageError(
            "there are no services to stop",
            cause=f"{root} has no compose file that builds, and no devbox runs with another one",
            hint="docker compose -f FILE down stops those of a file that -f named",
        )
    await Services(root, compose, environ).down(volumes=volumes)


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
