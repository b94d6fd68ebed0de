"""Who holds a host port: a container that publishes it, or a process."""

from __future__ import annotations

import asyncio
import contextlib

import psutil

from devbox.engine.protocol import Engine
from devbox.errors import EngineError, PortTaken
from devbox.model import PortMapping


async def name_owner(engine: Engine | None, mapping: PortMapping) -> PortTaken:
    """The error for a host port that is taken, naming its owner as far as this user may see it, and as far
    as that can be known where there is no engine to ask."""
    container = ""
    if engine is not None:
        with contextlib.suppress(EngineError):
            container = await engine.publisher(mapping.host_port, mapping.protocol)
    if container:
        owner = f"container {container} publishes it"
    else:
        process = await asyncio.to_thread(_listening_process, mapping.host_port)
        owner = f"{process} listens on it" if process else "a process of another user listens on it"
    other = mapping.host_port + 1 if mapping.host_port < 65535 else 0
    return PortTaken(
        f"port {mapping.host_ip}:{mapping.host_port} is taken",
        cause=owner,
        hint=f"stop that, or publish on another one: -p {other}:{mapping.container_port} (0: any free one)",
    )


def _listening_process(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return _named(psutil.Process(connection.pid)) if connection.pid else ""
    except (psutil.Error, OSError):
        return ""
    return ""


def _named(process: psutil.Process) -> str:
    # The gate's command line, as `gate.launch` begins it.
    if "devbox.gate" in process.cmdline():
        return f"the gate of another devbox project (pid {process.pid})"
    return f"{process.name()} (pid {process.pid})"
