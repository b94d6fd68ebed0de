"""Who holds a host port: a container that publishes it, or a process."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from dataclasses import dataclass
from pathlib import Path

import psutil

from devbox.daemon.lock import state_directory_of
from devbox.engine.protocol import Engine
from devbox.errors import EngineError, PortTaken
from devbox.model import PortMapping
from devbox.report.glance import KnownProject, known_project

_UNSEEN = "a process of another user listens on it"


async def name_owner(engine: Engine | None, mapping: PortMapping) -> PortTaken:
    """The error for a host port that is taken, naming its owner as far as this user may see it, and as far
    as that can be known where there is no engine to ask."""
    container, ours = "", ""
    if engine is not None:
        with contextlib.suppress(EngineError):
            container = await engine.publisher(mapping.host_port, mapping.protocol)
    if container:
        owner = f"container {container} publishes it"
    else:
        process = await asyncio.to_thread(_listening_process, mapping.host_port)
        known = _served_by(process)
        ours = known.root if known else ""
        if known:
            owner = f"devbox serves {known.name} there, from {known.root}"
        else:
            owner = f"{_named(process)} listens on it" if process else _UNSEEN
    other = mapping.host_port + 1 if mapping.host_port < 65535 else 0
    return PortTaken(
        f"port {mapping.host_ip}:{mapping.host_port} is taken",
        cause=owner,
        hint=f"{f'devbox down {shlex.quote(ours)}' if ours else 'stop that'},"
        f" or publish on another one: -p {other}:{mapping.container_port} (0: any free one)",
    )


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    name: str
    command: tuple[str, ...]


def _listening_process(port: int) -> _Process | None:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                if not connection.pid:
                    return None
                process = psutil.Process(connection.pid)
                return _Process(process.pid, process.name(), tuple(process.cmdline()))
    except (psutil.Error, OSError):
        return None
    return None


def _is_gate(process: _Process) -> bool:
    # The gate's command line, as `gate.launch` begins it: its socket's path comes last.
    return "devbox.gate" in process.command


def _named(process: _Process) -> str:
    if _is_gate(process):
        return f"the gate of another devbox project (pid {process.pid})"
    return f"{process.name} (pid {process.pid})"


def _served_by(process: _Process | None) -> KnownProject | None:
    """The project whose gate that is, as far as this user's journals tell."""
    if process is None or not _is_gate(process):
        return None
    return known_project(state_directory_of(Path(process.command[-1]).parent))
