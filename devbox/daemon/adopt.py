"""Taking over what a former daemon left serving."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from devbox.config import Config
from devbox.daemon.hostports import HostPorts
from devbox.daemon.memory import Memory, revision_of, serving_container
from devbox.daemon.outlook import may_listen_nowhere
from devbox.daemon.work import Serving
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, EngineInfo
from devbox.errors import EngineError, StartFailed
from devbox.model import LABEL_BASES, LABEL_BEFORE_START, Backend, PortMapping
from devbox.release.debugging import debugger_ports
from devbox.release.ports import browser_url, publish, retarget
from devbox.release.probe import Readiness, backends, wait_ready
from devbox.release.spec import as_run

_ANSWERS_WITHIN = 2.0


async def adopt(
    engine: Engine,
    info: EngineInfo,
    ports: HostPorts,
    config: Config,
    memory: Memory,
    pointed: tuple[Backend, ...],
) -> Serving | None:
    """The container that goes on serving, with the ports pointed at it; None where there is none.

    Every other container of the project is a leftover of a daemon that was killed, and is removed.
    """
    found = serving_container(memory, pointed)
    serving = await _take(engine, info, ports, config, found) if found is not None else None
    leftovers = [item.id for item in memory.containers if serving is None or item.id != serving.container]
    await asyncio.gather(*(engine.remove_container(container) for container in leftovers))
    return serving


async def _take(
    engine: Engine, info: EngineInfo, ports: HostPorts, config: Config, found: ContainerFacts
) -> Serving | None:
    facts = await engine.image(found.image)
    if facts is None:
        return None
    facts = as_run(facts, config)
    command = (*facts.entrypoint, *facts.command)
    if config.swap == "recreate":
        mappings = publish(config.ports, facts.exposed, command)
    else:
        debugger = debugger_ports(config.debug_port) if config.debug else ()
        held = tuple(mapping for mapping in ports.mappings if mapping not in debugger)
        mappings = (*(config.ports or retarget(held, facts.exposed, command)), *debugger)
    first = next((mapping.container_port for mapping in mappings if mapping.protocol == "tcp"), 0)
    if may_listen_nowhere(config, facts):
        first = 0
    try:
        ready = await wait_ready(engine, found.id, info, Readiness(port=first, timeout=_ANSWERS_WITHIN))
    except (StartFailed, EngineError):
        return None
    # What it was released as stands in `found`: the engine tells what it was made as.
    released = replace(ready, image=found.image, labels=found.labels)
    serving = await _point(info, ports, config, released, mappings)
    if serving is None:
        return None
    if ready.restart != config.restart and serving.revision.config_hash == config.config_hash:
        # Its daemon ended between the flip and this.
        await engine.restart_policy(found.id, config.restart)
    bases = tuple(facts.labels.get(LABEL_BASES, "").split())
    record = found.labels.get(LABEL_BEFORE_START, "")
    return replace(serving, bases=bases, record=record, started=ready.started)


async def _point(
    info: EngineInfo,
    ports: HostPorts,
    config: Config,
    ready: ContainerFacts,
    mappings: tuple[PortMapping, ...],
) -> Serving | None:
    found = backends(ready, tuple(port.container_port for port in mappings), info)
    if config.swap == "recreate":
        published = ready.published.get(f"{mappings[0].container_port}/tcp", ())
        if not published:
            return None
        url = browser_url(mappings[0], published[0].port)
    else:
        ports.retarget(mappings)
        await ports.flip(found)
        url = ports.urls[0]
    return Serving(revision_of(ready), ready.id, ready.name, tuple(found.values()), url)
