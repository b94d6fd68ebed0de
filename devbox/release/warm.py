"""How a standby takes over: told to go while the image is built, flipped to when both are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from devbox.engine.protocol import ContainerFacts, ContainerSpec, Engine, EngineInfo
from devbox.errors import StandbyFailed, StartFailed
from devbox.model import StagedFile, Staging
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
    name: str,
    started: Callable[[str], None],
) -> Booted:
    """Puts the files into the standby, tells it to go and returns once it answers, by then called `name`.

    `started` gets its id once it answers, or has not failed for a moment: what fails at once is tried again
    cold, and its words would be told twice. Raises StandbyFailed where it does not go, StartFailed where the
    application ends or never gets ready, Superseded where the files changed meanwhile, EngineError.
    """
    began = time.monotonic()
    await spare.go(await files())
    staged = time.monotonic()
    telling = asyncio.get_running_loop().call_later(_FAILED_BY_THEN, started, spare.facts.id)
    renaming = asyncio.create_task(engine.rename(spare.facts.id, name))
    try:
        facts = await wait_ready(engine, spare.facts.id, info, readiness)
        await renaming
    except StartFailed as error:
        if reason := await spare.refusal():
            raise StandbyFailed(reason) from error
        raise
    finally:
        telling.cancel()
        renaming.cancel()
        await asyncio.gather(renaming, return_exceptions=True)
    started(spare.facts.id)
    return Booted(replace(facts, name=name), staged - began, time.monotonic() - staged)


async def warm(
    engine: Engine, booted: Booted, staging: Staging, check: ContainerSpec, hooks: Hooks
) -> Handover:
    """Moves the ports to a standby that answers, now that its image is there.

    Raises StandbyFailed where the new image holds what was removed from the standby: something below the
    COPYs did. `check` is a container of the new image that is never started. Superseded as `hooks.confirm`.
    """
    began = time.monotonic()
    await _verify_removals(engine, staging, check)
    await hooks.confirm()
    await hooks.flip(booted.container)
    return Handover(booted.container, booted.boot, time.monotonic() - began)


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
