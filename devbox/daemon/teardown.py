"""Taking a project down: its containers, its gate, its runtime directory; its volumes only when asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from devbox.config import Config
from devbox.daemon.hostports import HostPorts
from devbox.daemon.lock import remove_runtime_directory
from devbox.daemon.memory import is_ours, running_elsewhere
from devbox.engine.protocol import Engine
from devbox.release.strategies import retire


@dataclass(frozen=True, slots=True)
class Removed:
    """Names of what was removed, and the other folders that go on running under the project's name."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


async def take_down(engine: Engine, config: Config, ports: HostPorts, *, volumes: bool) -> Removed:
    """Stops and removes every container of the project, side by side, then frees the ports.

    Only what carries the project's label is touched; images stay, so that the next start is quick. Raises
    EngineError where the engine does not let go of something.
    """
    found = await engine.containers(config.project)
    containers = [item for item in found if is_ours(item.labels, config)]
    await asyncio.gather(*(retire(engine, item.id, config.stop_grace) for item in containers))
    await release_ports(ports, config.root)
    removed = []
    if volumes:
        for volume in await engine.volumes(config.project):
            if not is_ours(volume.labels, config):
                continue
            await engine.remove_volume(volume.name)
            removed.append(volume.name)
    names = tuple(item.name for item in containers)
    return Removed(names, tuple(removed), running_elsewhere(found, config))


async def release_ports(ports: HostPorts, root: Path) -> None:
    """Ends the gate and removes the project's runtime directory."""
    await ports.stop()
    remove_runtime_directory(root)
