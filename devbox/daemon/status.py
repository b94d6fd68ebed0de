"""What a project is doing right now: as its running devbox says, else as lock, gate and engine tell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from devbox.daemon.api.ask import ask
from devbox.daemon.lock import holder, runtime_directories, runtime_directory, state_directory_of
from devbox.daemon.running import running_services
from devbox.errors import DevboxError
from devbox.gate import client as gates
from devbox.gate.wire import RouteState
from devbox.model import Backend, PortMapping
from devbox.place import split
from devbox.release.ports import browser_url
from devbox.report.glance import known_project

if TYPE_CHECKING:
    from devbox.config import Config
    from devbox.engine.values import ContainerFacts

_TELLS_WITHIN = 5.0
_AS_TOLD = (
    *("project", "root", "state", "revision", "urls", "container", "image"),
    *("building", "failed", "failure", "paused", "rolled_back", "settings_refused", "standby"),
)


class Status(BaseModel):
    """One project at one moment; `state` is "serving", "starting" (a daemon runs, nothing serves yet),
    "failed" (nothing serves, for `reason`) or "stopped"; `revision` is 0 where nothing serves.

    `elsewhere` are other folders that run under the project's name, looked for where no devbox runs this one.
    The rest only a running devbox knows: `building` is the build in the making, 0 where none is; `failed` the
    build or revision that the newest save, or the application, ended with, for `failure`, until that is
    healed.
    """

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
    elsewhere: tuple[str, ...] = ()
    building: int = 0
    failed: int = 0
    failure: Mapping[str, Any] | None = None
    paused: bool = False
    rolled_back: bool = False
    settings_refused: str = ""
    standby: bool = False


async def read_statuses(root: Path, environ: Mapping[str, str]) -> tuple[Status, ...]:
    """The status of the project in `root`, and of those of the folder's services besides that a devbox runs,
    or left running; raises ConfigError, and EngineError where the engine cannot be asked."""
    if split(root)[1] or not running_services(root):
        told = await _told_of(runtime_directory(root))
        if told is not None:
            return (told,)
    # What the settings say takes a sixth of a status's time to import, and a running devbox knows it.
    from devbox.daemon.known import all_configs_of

    return tuple([await read_status(config) for config in all_configs_of(root, environ)])


async def read_status(config: Config) -> Status:
    """The project's status; raises EngineError where the engine cannot be asked."""
    directory = runtime_directory(config.place)
    return await _told_of(directory) or await _found(config, directory, holder(directory))


async def read_every_status() -> tuple[Status, ...]:
    """The status of every project that a devbox of this user runs, or left running when it was killed, by
    name."""
    found = await asyncio.gather(*map(_one_of_all, runtime_directories()))
    return tuple(sorted((status for status in found if status is not None), key=lambda each: each.project))


async def _one_of_all(directory: Path) -> Status | None:
    daemon = holder(directory)
    if daemon is not None:
        return await _told(directory, daemon)
    known = known_project(state_directory_of(directory))
    if known is None:
        return None
    from devbox.daemon.known import config_of

    try:
        found = await _found(config_of(Path(known.root), os.environ), directory, None)
    except DevboxError:
        return None
    return found if found.state != "stopped" else None


async def _told_of(directory: Path) -> Status | None:
    daemon = holder(directory)
    return await _told(directory, daemon) if daemon is not None else None


async def _told(directory: Path, daemon: int) -> Status | None:
    """What the running devbox says; None where it does not answer soon, or is just beginning or ending."""
    try:
        told = await ask(directory, "GET", "status", within=_TELLS_WITHIN)
    except DevboxError:
        return None
    failure = told["failure"]
    return Status(
        # One that was started before an upgrade does not tell what it knew nothing of.
        **{name: told[name] for name in _AS_TOLD if name in told},
        reason=_sentence(failure) if failure and told["state"] == "failed" else "",
        daemon=daemon,
        gate=(await _gate(directory))[1],
    )


def _sentence(failure: Mapping[str, Any]) -> str:
    return f"{failure['what']}: {failure['cause']}" if failure["cause"] else str(failure["what"])


async def _found(config: Config, directory: Path, daemon: int | None) -> Status:
    # Slow to import, and a running devbox knows all of it.
    from devbox.daemon.known import ELSEWHERE, never_a_project
    from devbox.daemon.memory import other_user, recall, revision_of, running_elsewhere, serving_container
    from devbox.engine import connect

    routes, gate, reason = await _gate(directory)
    engine = await connect()
    try:
        memory = await recall(engine, config)
    finally:
        await engine.close()
    pointed = _pointed(routes)
    container = serving_container(memory, pointed)
    user = other_user(memory, config)
    if user is not None:
        reason = f"user {user} runs it"
    serves = container is not None and (bool(pointed) or bool(container.published))
    if serves:
        state = "serving"
    elif reason and user is None:
        state = "failed"
    else:
        state = "starting" if daemon else "stopped"
    never = never_a_project(config)
    none = f"{never}; {ELSEWHERE}" if never and state == "stopped" else ""
    return Status(
        project=config.project,
        root=str(config.place),
        state=state,
        revision=revision_of(container).number if container is not None and serves else 0,
        urls=_urls(routes, pointed, container),
        reason="" if serves else reason.removeprefix("devbox: ") or none,
        container=container.name if container is not None else "",
        image=container.image if container is not None else "",
        daemon=daemon,
        gate=gate,
        elsewhere=running_elsewhere(memory.foreign, config),
    )


async def pointed_at(directory: Path) -> tuple[Backend, ...]:
    """Where the project's gate leads to; nowhere without one."""
    return _pointed((await _gate(directory))[0])


def _pointed(routes: tuple[RouteState, ...]) -> tuple[Backend, ...]:
    return tuple(route.backend for route in routes if route.backend is not None)


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
