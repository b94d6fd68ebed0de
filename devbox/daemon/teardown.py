"""Taking a project down: its containers, its gate, its runtime directory; its volumes only when asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devbox.config import Config
from devbox.daemon.hostports import HostPorts
from devbox.daemon.lock import remove_runtime_directory
from devbox.daemon.memory import is_ours, running_elsewhere, user_of, was_made
from devbox.engine.protocol import Engine
from devbox.errors import Conflict
from devbox.model import LABEL_ROOT
from devbox.release.strategies import retire


@dataclass(frozen=True, slots=True)
class Removed:
    """Names of what was removed, and the other folders that go on running under the project's name."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


async def take_down(engine: Engine, config: Config, ports: HostPorts, *, volumes: bool) -> Removed:
    """Stops and removes every container of the project, side by side, then frees the ports.

    Only what carries the project's label is touched, and no network that others are in; images stay, so that
    the next start is quick. Raises EngineError where the engine does not let go of something.
    """
    found = [item for item in await engine.containers(config.project) if was_made(item)]
    containers = [item for item in found if is_ours(item.labels, config)]
    await asyncio.gather(*(retire(engine, item.id, config.stop_grace) for item in containers))
    await release_ports(ports, config.place)
    networks = await _remove_networks(engine, config)
    removed = []
    if volumes:
        for volume in await engine.volumes(config.project):
            if not is_ours(volume.labels, config):
                continue
            await engine.remove_volume(volume.name)
            removed.append(volume.name)
    names = tuple(item.name for item in containers)
    return Removed(names, tuple(removed), running_elsewhere(found, config), networks)


async def _remove_networks(engine: Engine, config: Config) -> tuple[str, ...]:
    """Removes the networks that devbox made for the project and that nobody is in."""
    removed = []
    for network in await engine.networks(config.family):
        if network.used or not _is_of_folder(network.labels, config):
            continue
        # Somebody may have joined it since.
        with contextlib.suppress(Conflict):
            await engine.remove_network(network.name)
            removed.append(network.name)
    return tuple(removed)


def _is_of_folder(labels: Mapping[str, str], config: Config) -> bool:
    """Services that are developed side by side share networks: whoever leaves last removes them."""
    here = user_of(labels) is None and labels.get(LABEL_ROOT) == str(config.root)
    return here or is_ours(labels, config)


async def release_ports(ports: HostPorts, root: Path) -> None:
    """Ends the gate and removes the project's runtime directory."""
    await ports.stop()
    remove_runtime_directory(root)
