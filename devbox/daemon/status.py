"""What a project is doing right now, read from the lock, the gate and the engine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from devbox.config import Config
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.memory import recall, revision_of, serving_container
from devbox.engine import connect
from devbox.engine.protocol import ContainerFacts
from devbox.gate import client as gates
from devbox.gate.wire import RouteState
from devbox.model import Backend, PortMapping
from devbox.release.ports import browser_url


class Status(BaseModel):
    """One project at one moment; `state` is "serving", "starting" (a daemon runs, nothing serves yet),
    "failed" (nothing serves, for `reason`) or "stopped"; `revision` is 0 where nothing serves."""

    model_config = ConfigDict(frozen=True)

    project: str
    root: str
    state: str
    revision: int = 0
    urls: tuple[str, ...] = ()
    container: str = ""
    image: str = ""
    reason: str = ""
    daemon: int | None = None
    gate: int | None = None


async def read_status(config: Config) -> Status:
    """The project's status; raises EngineError where the engine cannot be asked."""
    directory = runtime_directory(config.root)
    daemon = holder(directory)
    routes, gate, reason = await _gate(directory)
    engine = await connect()
    try:
        memory = await recall(engine, config)
    finally:
        await engine.close()
    pointed = tuple(route.backend for route in routes if route.backend is not None)
    container = serving_container(memory, pointed)
    serves = container is not None and (bool(pointed) or bool(container.published))
    return Status(
        project=config.project,
        root=str(config.root),
        state="serving" if serves else "failed" if reason else "starting" if daemon else "stopped",
        revision=revision_of(container).number if container is not None and serves else 0,
        urls=_urls(routes, pointed, container),
        reason="" if serves else reason,
        container=container.name if container is not None else "",
        image=container.image if container is not None else "",
        daemon=daemon,
        gate=gate,
    )


async def _gate(directory: Path) -> tuple[tuple[RouteState, ...], int | None, str]:
    client = await gates.connect(directory / "gate.sock")
    if client is None:
        return (), None, ""
    try:
        state = await client.hello()
    finally:
        await client.close()
    return state.routes, state.pid, state.message


def _urls(
    routes: tuple[RouteState, ...], pointed: tuple[Backend, ...], container: ContainerFacts | None
) -> tuple[str, ...]:
    if pointed or container is None:
        return tuple(browser_url(PortMapping(host_ip=route.host), route.port) for route in routes)
    return tuple(
        browser_url(PortMapping(host_ip=backend.host), backend.port)
        for backends in container.published.values()
        for backend in backends
    )
