"""Taking a project down: its containers, its gate, its runtime directory; its volumes only when asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devbox.config import Config
from devbox.daemon.hostports import HostPorts
from devbox.daemon.lock import remove_runtime_directory
from devbox.daemon.memory import is_ours, running_elsewhere, user_of, was_made
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts
from devbox.errors import Conflict
from devbox.model import LABEL_ROOT
from devbox.release.strategies import retire


@dataclass(frozen=True, slots=True)
class Removed:
    """Names of what was removed, the other folders that go on running under the project's name, and those of
    its volumes that stay though they were to be removed, with the reason."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes_left: tuple[tuple[str, str], ...] = ()


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
    removed, left = await _remove_volumes(engine, config, containers) if volumes else ((), ())
    names = tuple(item.name for item in containers)
    return Removed(names, removed, running_elsewhere(found, config), networks, left)


async def _remove_volumes(
    engine: Engine, config: Config, containers: Iterable[ContainerFacts]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Removes the volumes that devbox made for the project and that nobody uses; those of it that stay are
    named with the reason."""
    removed, left = [], {}
    for volume in await engine.volumes(config.project):
        if not is_ours(volume.labels, config):
            continue
        try:
            await engine.remove_volume(volume.name)
        except Conflict:
            left[volume.name] = "a container of somebody else's uses it"
        else:
            removed.append(volume.name)
    mounted = [mount for item in containers for mount in item.mounts]
    for mount in (*mounted, *config.volumes):
        name = mount.source
        if mount.kind != "volume" or name in removed or name in left:
            continue
        if await engine.volume(name) is not None:
            left[name] = "devbox did not make it for this project"
    return tuple(removed), tuple(left.items())


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
