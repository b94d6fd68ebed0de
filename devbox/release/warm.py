"""How a standby takes over: told to go while the image is built, flipped to when both are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, ContainerSpec, EngineInfo
from devbox.errors import EngineError, StandbyFailed, StartFailed
from devbox.model import NetworkAttachment, StagedFile, Staging
from devbox.release.carry import shielded
from devbox.release.probe import Readiness, wait_ready
from devbox.release.standby.spare import Spare
from devbox.release.strategies import Handover, Hooks

_FAILED_BY_THEN = 0.5


@dataclass(frozen=True, slots=True)
class Booted:
    """A standby that answers with the new code; seconds that its files and its start took."""

    container: ContainerFacts
    stage: float
    boot: float


async def boot(
    engine: Engine,
    info: EngineInfo,
    spare: Spare,
    files: Callable[[], Awaitable[tuple[StagedFile, ...]]],
    readiness: Readiness,
    started: Callable[[str], None],
    named: tuple[NetworkAttachment, ...] = (),
) -> Booted:
    """Puts the files into the standby, tells it to go and returns once it answers.

    Of its networks it joins `named` again right before, now with its aliases there: nothing in it has a
    connection yet.

    `started` gets its id once it answers, or has not failed for a moment: what fails at once is tried again
    cold, and its words would be told twice. Raises StandbyFailed where it does not go, StartFailed where the
    application ends or never gets ready, Superseded where the files changed meanwhile, EngineError.
    """
    began = time.monotonic()
    staging, known = await files(), spare.facts
    if named:
        await engine.join_again(spare.facts.id, named)
        known = await engine.container(spare.facts.id) or known
    await spare.go(staging)
    staged = time.monotonic()
    telling = asyncio.get_running_loop().call_later(_FAILED_BY_THEN, started, spare.facts.id)
    try:
        facts = await wait_ready(engine, spare.facts.id, info, readiness, known)
    except StartFailed as error:
        if reason := await spare.refusal():
            raise StandbyFailed(reason) from error
        raise
    finally:
        telling.cancel()
    started(spare.facts.id)
    return Booted(facts, staged - began, time.monotonic() - staged)


async def warm(
    engine: Engine, booted: Booted, staging: Staging, spec: ContainerSpec, hooks: Hooks, previous: str
) -> Handover:
    """Moves the ports to a standby that answers, now that its image is there, and gives it its name.

    `spec` is what a cold start of the new image would make. Raises StandbyFailed where that image holds what
    was removed from the standby: something below the COPYs did. Superseded as `hooks.confirm`. On EngineError
    the ports are at the `previous` container again: a later daemon knows a revision by its name alone.
    """
    began = time.monotonic()
    await _verify_removals(engine, staging, replace(spec, name=f"{spec.name}-check"))
    await hooks.confirm()
    await hooks.flip(booted.container)
    flipped = time.monotonic()
    try:
        # After the flip: the engine writes it to its disk, which takes as long as all of this.
        await engine.rename(booted.container.id, spec.name)
    except EngineError:
        former = await engine.container(previous)
        if former is not None:
            await hooks.flip(former)
        raise
    named = replace(booted.container, name=spec.name)
    return Handover(named, booted.boot, flipped - began, flipped)


async def _verify_removals(engine: Engine, staging: Staging, check: ContainerSpec) -> None:
    kept = {path.target for path in staging.paths if path.kind is not None}
    removed = [path.target for path in staging.paths if path.kind is None and path.target not in kept]
    if not removed:
        return
    container = await engine.create(check)
    try:
        for target in removed:
            if await engine.exists(container, target):
                raise StandbyFailed(f"the image itself brings {target} along")
    finally:
        await shielded(engine.remove_container(container))
