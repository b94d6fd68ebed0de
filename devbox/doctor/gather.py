"""Gathering the facts: the engine, the disk, the ports. Every wait is bounded."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from devbox.build.context import tar_stream
from devbox.config import Config
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.lookover import on_thread
from devbox.daemon.memory import other_user, recall
from devbox.daemon.portowner import name_owner
from devbox.doctor.facts import Answer, Base, Occupants, Port, Room, Watching
from devbox.engine.protocol import Engine
from devbox.engine.values import BuildRequest, EngineInfo
from devbox.errors import EngineError, EngineRefused, GateError, PullFailed
from devbox.gate import client as gates
from devbox.model import LABEL_ROOT, PortMapping, Snapshot
from devbox.watch import try_watching
from devbox.watch.mounts import why_poll

T = TypeVar("T")

_SURVEY_SECONDS = 15.0
_BUILDER_SECONDS = 10.0
_REGISTRY_SECONDS = 10.0
_DISK_SECONDS = 5.0
_LIMITS = Path("/proc/sys/fs/inotify")
# Engines whose storage is a path of the machine that they listen on, not of a virtual one.
_NATIVE = frozenset({"Docker Engine", "Podman"})


async def ask(engine: Engine) -> Answer:
    """Who answers; raises EngineError."""
    asked = time.time()
    info = await engine.info()
    return Answer(info, asked, time.time())


async def builder_silence(engine: Engine) -> str:
    """Why BuildKit does not answer, '' where it does: it is given a Dockerfile that it refuses, so that
    nothing is made."""
    name = uuid.uuid4().hex
    request = BuildRequest(build_id=name, tag=f"devbox-doctor:{name}", dockerfile="Dockerfile", labels={})
    context = tar_stream(Path(), Snapshot({}, ""), {"Dockerfile": b"# nothing to build\n"})
    try:
        async with asyncio.timeout(_BUILDER_SECONDS):
            async for _ in engine.build(request, context):
                pass
    except TimeoutError:
        return f"it said nothing within {_BUILDER_SECONDS:g}s"
    except EngineRefused:
        # It answered, if only to refuse.
        return ""
    return ""


async def rooms(info: EngineInfo | None, config: Config) -> tuple[Room, ...]:
    """What is left for the engine's images, where this machine can see their disk, and for the project."""
    places = {"the project": config.root}
    if info is not None and shares_disk(info):
        places = {"images": Path(info.storage), **places}
    return await on_thread(lambda: _rooms(places), _DISK_SECONDS)


def shares_disk(info: EngineInfo) -> bool:
    """Whether the engine's storage is a folder of this machine."""
    local = sys.platform == "linux" and info.address.startswith("unix://") and info.name in _NATIVE
    return local and bool(info.storage)


def _rooms(places: Mapping[str, Path]) -> tuple[Room, ...]:
    found: dict[int, Room] = {}
    for what, path in places.items():
        try:
            device = path.stat().st_dev
            if device in found:
                known = found[device]
                found[device] = Room(f"{known.what} and {what}", *_left(Path(known.path)))
            else:
                found[device] = Room(what, *_left(path))
        except OSError:
            # Not for this user to see, or a virtual machine's own.
            continue
    return tuple(found.values())


def _left(path: Path) -> tuple[str, int, int, int | None]:
    usage, status = shutil.disk_usage(path), os.statvfs(path)
    return str(path), usage.free, usage.total, status.f_favail if status.f_files else None


async def watching(context: Path, folders: tuple[str, ...], environ: Mapping[str, str]) -> Watching:
    """The system's limits, and whether it would watch these folders of the context now."""

    def look() -> Watching:
        limits = _limits()
        polls = why_poll(str(context), environ)
        refusal = None if polls else try_watching(context, folders)
        if refusal is None:
            return Watching(len(folders), limits, polls)
        return Watching(len(folders), limits, polls, refusal.reason, refusal.hint)

    return await on_thread(look, _DISK_SECONDS)


def _limits() -> Mapping[str, int]:
    try:
        return {path.name: int(path.read_text()) for path in _LIMITS.iterdir()}
    except (OSError, ValueError):
        return {}


async def bases(engine: Engine, images: Iterable[str]) -> tuple[Base, ...]:
    """Which base images are here, and of the others what their registries say, all asked at once."""
    return tuple(await asyncio.gather(*(_base(engine, image) for image in images)))


async def _base(engine: Engine, image: str) -> Base:
    try:
        if await engine.image(image) is not None:
            return Base(image, here=True)
        async with asyncio.timeout(_REGISTRY_SECONDS):
            await engine.ask_registry(image)
    except (PullFailed, EngineError) as error:
        return Base(image, here=False, answer=error)
    except TimeoutError:
        cause = f"it did not answer within {_REGISTRY_SECONDS:g}s"
        return Base(image, here=False, answer=EngineRefused(f"cannot pull {image}", cause=cause))
    return Base(image, here=False)


async def occupants(engine: Engine | None, config: Config) -> Occupants:
    """Who runs the project, and who else uses its name as far as the engine knows."""
    daemon = holder(runtime_directory(config.place))
    if engine is None:
        return Occupants(daemon)
    memory = await recall(engine, config)
    foreign = memory.foreign[0].labels[LABEL_ROOT] if memory.foreign else ""
    return Occupants(daemon, foreign, other_user(memory, config) or "")


async def ports(engine: Engine | None, config: Config, wanted: tuple[PortMapping, ...]) -> tuple[Port, ...]:
    """Of each port to publish who holds it. Where the project is served already, the ports that it is served
    on count, since a devbox that runs may have been given others."""
    own = [*await _routes(config), *await _published(engine, config)]
    if own:
        return tuple(Port(mapping, own=True) for mapping in dict.fromkeys(own))
    if config.swap == "recreate" and engine is not None and not await _is_local(engine):
        return tuple([await _port_elsewhere(engine, mapping) for mapping in wanted])
    return tuple([await _port(engine, mapping) for mapping in wanted])


async def _is_local(engine: Engine) -> bool:
    return (await engine.info()).address.startswith("unix://")


async def _port_elsewhere(engine: Engine, mapping: PortMapping) -> Port:
    """Where the engine of another machine publishes, it alone knows of a port, and only of its containers."""
    if not mapping.host_port or not await engine.publisher(mapping.host_port, mapping.protocol):
        return Port(mapping)
    return Port(mapping, taken=await name_owner(engine, mapping))


async def _routes(config: Config) -> list[PortMapping]:
    try:
        client = await gates.connect(runtime_directory(config.place) / "gate.sock")
        if client is None:
            return []
        try:
            return [PortMapping(route.host, route.port) for route in (await client.hello()).routes]
        finally:
            await client.close()
    except GateError:
        return []


async def _published(engine: Engine | None, config: Config) -> list[PortMapping]:
    """What containers of the project hold themselves, as with swap = recreate."""
    if engine is None or config.swap != "recreate":
        return []
    return [
        PortMapping(backend.host, backend.port)
        for container in (await recall(engine, config)).containers
        if container.running
        for backends in container.published.values()
        for backend in backends
    ]


async def _port(engine: Engine | None, mapping: PortMapping) -> Port:
    trouble = _bound(mapping) if mapping.host_port else None
    if trouble is None:
        return Port(mapping)
    if trouble.errno == errno.EADDRINUSE:
        return Port(mapping, taken=await name_owner(engine, mapping))
    if trouble.errno == errno.EACCES:
        return Port(mapping, refused="ports below 1024 are for root")
    return Port(mapping, refused=f"{mapping.host_ip} is no address of this machine")


def _bound(mapping: PortMapping) -> OSError | None:
    """Why the port cannot be bound; it is not listened on, so that nobody is answered or held up."""
    family = socket.AF_INET6 if ":" in mapping.host_ip else socket.AF_INET
    kind = socket.SOCK_STREAM if mapping.protocol == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as trial:
            if mapping.protocol == "tcp":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((mapping.host_ip.strip("[]"), mapping.host_port))
    except OSError as error:
        return error
    return None
