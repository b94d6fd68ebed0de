"""One standby: made, told to go, or thrown away. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from devbox.engine.connections import Attached
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, ContainerSpec
from devbox.errors import DevboxError, StandbyFailed
from devbox.model import StagedFile
from devbox.release.carry import shielded
from devbox.release.standby import wire
from devbox.release.standby.payload import bootstrap_tar, staged_tar

READY_WITHIN = 30.0
_COMMAND_BOUND = 10.0
_LAST_WORDS = 1.0
# A name that is not there any more is as good as removed.
_REMOVE = """
import os, shutil, sys
for path in sys.argv[1:]:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)
"""


@dataclass(frozen=True, slots=True)
class Spare:
    """A container whose interpreter has loaded what the application will need, and waits."""

    facts: ContainerFacts
    ready: wire.Ready
    _engine: Engine
    _attached: Attached
    _interpreter: str
    _draining: list[asyncio.Task[str]] = field(default_factory=list)

    async def go(self, files: tuple[StagedFile, ...]) -> None:
        """Has the files put in place and the application begun; raises StandbyFailed, EngineError."""
        if self.ready.uid != 0:
            # The application's user may not write what COPY made root's.
            await self._put(files)
            files = ()
        await self._attached.send(wire.go(files, self.ready.owners))
        # A container whose output nobody takes stands still.
        self._draining.append(asyncio.create_task(self._drain()))

    async def refusal(self) -> str:
        """Why the hook gave up after it was told to go, asked once its container ended; '' where the
        application ended, or nothing is told within 1 s."""
        try:
            async with asyncio.timeout(_LAST_WORDS):
                return "".join([await asyncio.shield(task) for task in self._draining])
        except TimeoutError:
            return ""

    async def leave(self) -> None:
        """Lets go of the container's streams; it runs on."""
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await self._attached.close()

    async def discard(self) -> None:
        """Removes the container, also while this task is being cancelled."""
        await shielded(self._end())

    async def _end(self) -> None:
        await self.leave()
        await self._engine.remove_container(self.facts.id)

    async def _put(self, files: tuple[StagedFile, ...]) -> None:
        gone = [file.path.target for file in files if file.path.kind is None]
        if gone:
            await _as_root(self._engine, self.facts.id, self._interpreter, _REMOVE, *gone)
        if len(gone) < len(files):
            await self._engine.put_files(self.facts.id, staged_tar(files, self.ready.owners))

    async def _drain(self) -> str:
        reason = ""
        with contextlib.suppress(DevboxError):
            while (line := await self._attached.line()) is not None:
                said = wire.read(line)
                if isinstance(said, wire.NotReady):
                    reason = said.reason
        return reason


async def prepare(engine: Engine, spec: ContainerSpec, orders: wire.Orders) -> Spare:
    """Starts a standby and returns once it waits.

    `spec` is the application's own container with the hook in its environment. Raises StandbyFailed where it
    does not get ready within 30 s or must not, EngineError; then nothing of it is left.
    """
    container = await engine.create(spec)
    attached: Attached | None = None
    try:
        await engine.put_files(container, bootstrap_tar())
        attached = await engine.attach(container)
        await engine.start(container)
        await attached.send(wire.orders(orders))
        ready = await _ready(attached)
        interpreter = (spec.entrypoint or ("",))[0]
        if not ready.removed:
            await _as_root(engine, container, interpreter, _REMOVE, wire.DIRECTORY)
        return Spare(await _facts(engine, container), ready, engine, attached, interpreter)
    except BaseException:
        await shielded(_end(engine, container, attached))
        raise


async def _facts(engine: Engine, container: str) -> ContainerFacts:
    facts = await engine.container(container)
    if facts is None:
        raise StandbyFailed("it was removed")
    return facts


async def _ready(attached: Attached) -> wire.Ready:
    try:
        async with asyncio.timeout(READY_WITHIN):
            while (line := await attached.line()) is not None:
                said = wire.read(line)
                if isinstance(said, wire.Ready):
                    return said
                if said is not None:
                    raise StandbyFailed(said.reason, offender=said.offender)
    except TimeoutError as error:
        raise StandbyFailed(f"it was not ready within {READY_WITHIN:g}s") from error
    raise StandbyFailed("it ended before it was ready")


async def _as_root(engine: Engine, container: str, interpreter: str, code: str, *arguments: str) -> None:
    command = (interpreter, "-I", "-S", "-c", code, *arguments)
    done = await engine.exec(container, command, _COMMAND_BOUND, user="0")
    if done.exit_status != 0:
        raise StandbyFailed(f"its files could not be removed: {done.output.strip()[-200:]}")


async def _end(engine: Engine, container: str, attached: Attached | None) -> None:
    if attached is not None:
        await attached.close()
    await engine.remove_container(container)
