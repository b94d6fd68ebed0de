"""How a new container takes over: rolling behind the gate, or recreate with Docker's own publishing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, ContainerSpec, EngineInfo
from devbox.errors import Conflict
from devbox.model import LABEL_PROJECT, LABEL_ROOT
from devbox.release.carry import CLEANUP_BOUND, carried, shielded
from devbox.release.probe import Readiness, wait_ready

_OWNER = (LABEL_PROJECT, LABEL_ROOT)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A revision's container that is about to be started."""

    spec: ContainerSpec
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Handover:
    """A container that serves since `at` (monotonic); seconds it took to boot and to take over."""

    container: ContainerFacts
    boot: float
    flip: float
    at: float


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the daemon does at the turning points of a release.

    `started` gets the container's id as soon as it runs (to follow its log). `confirm` raises Superseded
    where what was built is no longer what is on disk; it is asked right before the point of no return.
    `flip` moves the published ports to the container.
    """

    started: Callable[[str], None]
    confirm: Callable[[], Awaitable[None]]
    flip: Callable[[ContainerFacts], Awaitable[None]]


async def rolling(engine: Engine, info: EngineInfo, candidate: Candidate, hooks: Hooks) -> Handover:
    """Starts the container beside the old one, waits until it is ready, moves the ports to it.

    Until then nothing that serves is touched; on any error or cancellation the new container is removed.
    Raises StartFailed, EngineError, Superseded.
    """
    began = time.monotonic()
    container = await create(engine, candidate.spec)
    try:
        await engine.start(container)
        hooks.started(container)
        facts = await wait_ready(engine, container, info, candidate.readiness)
        ready = time.monotonic()
        await hooks.confirm()
        await hooks.flip(facts)
    except BaseException:
        await _remove(engine, container)
        raise
    flipped = time.monotonic()
    return Handover(facts, ready - began, flipped - ready, flipped)


async def recreate(
    engine: Engine,
    info: EngineInfo,
    candidate: Candidate,
    hooks: Hooks,
    previous: str | None,
    grace: float,
) -> Handover:
    """Creates the new container, stops the previous, starts the new; on failure starts the previous again.

    The ports are Docker's to publish, so there is a gap between the two. Raises as `rolling` does.
    """
    began = time.monotonic()
    container = await create(engine, candidate.spec)
    stopped = False
    try:
        await hooks.confirm()
        if previous is not None:
            stopped = True
            await carried(engine.stop(previous, grace), grace + CLEANUP_BOUND)
        flipped = time.monotonic()
        await engine.start(container)
        hooks.started(container)
        facts = await wait_ready(engine, container, info, candidate.readiness)
        await hooks.flip(facts)
    except BaseException:
        await _remove(engine, container)
        if stopped and previous is not None:
            await _start_again(engine, previous)
        raise
    serves = time.monotonic()
    return Handover(facts, flipped - began, serves - flipped, serves)


async def retire(engine: Engine, container: str, grace: float) -> None:
    """Stops and removes a container that serves no more, and no volume of it; gone already is fine."""
    await engine.stop(container, grace)
    await engine.remove_container(container)


async def create(engine: Engine, spec: ContainerSpec) -> str:
    """Creates the container, and leaves none behind when it is cancelled meanwhile."""
    made: list[str] = []

    async def make() -> None:
        made.append(await _create_in_place(engine, spec))

    try:
        await carried(make(), CLEANUP_BOUND)
    except asyncio.CancelledError:
        for container in made:
            await _remove(engine, container)
        raise
    return made[0]


async def _create_in_place(engine: Engine, spec: ContainerSpec) -> str:
    """Creates the container; a leftover of ours under its name (a killed daemon's) is removed first."""
    try:
        return await engine.create(spec)
    except Conflict:
        left = await engine.container(spec.name)
        if left is None or any(left.labels.get(name) != spec.labels.get(name) for name in _OWNER):
            raise
        await engine.remove_container(left.id)
        return await engine.create(spec)


async def _remove(engine: Engine, container: str) -> None:
    """Removes a container also while this task is being cancelled; an engine that is gone is no new error."""
    await shielded(engine.remove_container(container))


async def _start_again(engine: Engine, container: str) -> None:
    await shielded(engine.start(container))
