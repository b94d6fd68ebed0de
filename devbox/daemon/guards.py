"""Tasks that wait beside the loop: for the engine's end and return, the gate's death, the app's end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from devbox.daemon.news import failure_of
from devbox.daemon.tools import Tools
from devbox.daemon.work import Serving
from devbox.engine.values import ContainerFacts
from devbox.errors import DevboxError, EngineError, EngineUnreachable, GateError, StartFailed
from devbox.events import EngineBack, EngineLost
from devbox.release.probe import Readiness, wait_ready

_ASK_AGAIN = 0.5
_GATE_AGAIN = 1.0
_END_IS_TOLD = 1.0
_ENDS_KEPT = 20
_REMOVED_BY_HAND = 137


@dataclass(frozen=True, slots=True)
class AppEnded:
    """A container that served, `started` at that time on the engine's clock, has ended."""

    container: str
    status: int
    started: float


@dataclass(frozen=True, slots=True)
class AppBegan:
    """The engine has started a container of devbox's."""

    container: str


@dataclass(frozen=True, slots=True)
class AppOverMemory:
    """The kernel killed something in a container of devbox's for its memory."""

    container: str


@dataclass(frozen=True, slots=True)
class AppAnswers:
    """A container that served, ended and was started again is ready after so many `seconds`, or is not for
    the `error`."""

    container: str
    seconds: float
    outcome: ContainerFacts | StartFailed


@dataclass(frozen=True, slots=True)
class EngineReturned:
    """The engine answers again."""


Notice: TypeAlias = AppEnded | AppBegan | AppOverMemory | AppAnswers | EngineReturned


class Guards:
    """The waiting tasks of one loop; each ends with the loop's task group."""

    def __init__(self, tools: Tools, tell: Callable[[Notice], None], group: asyncio.TaskGroup) -> None:
        self._tools, self._tell, self._group = tools, tell, group
        self._lost_since: float | None = None
        self._lost = asyncio.Event()
        self._app: asyncio.Task[None] | None = None
        self._readying: asyncio.Task[None] | None = None
        self._ends: dict[str, int] = {}
        self._end_told = asyncio.Event()

    @property
    def engine_lost(self) -> bool:
        """True while the engine does not answer."""
        return self._lost_since is not None

    def watch_engine(self) -> None:
        """From now on the engine's end and return are noticed, said and told."""
        self._group.create_task(self._engine())

    def watch_gate(self) -> None:
        """From now on a gate that dies is started again, with its ports and targets."""
        self._group.create_task(self._gate())

    def watch_app(self, serving: Serving) -> None:
        """From now on this container's end is told, and no other's; also one that it has come to already."""
        if self._app is not None:
            self._app.cancel()
        self._app = self._group.create_task(self._ended(serving.container, serving.started))

    def watch_again(self, serving: Serving, readiness: Readiness) -> None:
        """Tells when this container, which was started again, is ready, or is not going to be."""
        if self._readying is not None:
            self._readying.cancel()
        self._readying = self._group.create_task(self._ready(serving.container, readiness))

    def loss(self) -> EngineUnreachable:
        """What to refuse with while `engine_lost`."""
        # Made anew: one that is raised again and again would carry every traceback that it ever had.
        return EngineUnreachable("the engine does not answer", hint="devbox goes on by itself once it does")

    def engine_gone(self, error: EngineUnreachable) -> None:
        """Says that the engine is lost, once."""
        if self._lost_since is None:
            self._lost_since = time.monotonic()
            self._lost.set()
            self._tools.emit(EngineLost(failure=failure_of(error)))

    async def container(self, container: str) -> ContainerFacts | None:
        """The container's facts, None also where the engine cannot be asked."""
        try:
            return await self._tools.engine.container(container)
        except EngineError:
            return None

    async def refuse_clients(self, message: str) -> None:
        """Lets clients be told `message` until the next revision serves."""
        try:
            await self._tools.ports.disconnect()
            await self._tools.ports.refuse(message)
        except GateError:
            # The gate is being mended; it is told again with the next failure.
            return

    async def _engine(self) -> None:
        while True:
            error = await self._ask() if self.engine_lost else await self._until_silent()
            if error is not None:
                self.engine_gone(error)
                await asyncio.sleep(_ASK_AGAIN)
            elif self._lost_since is not None:
                seconds, self._lost_since = time.monotonic() - self._lost_since, None
                self._lost.clear()
                name = f"{self._tools.info.name} {self._tools.info.version}"
                self._tools.emit(EngineBack(engine=name, seconds=round(seconds, 3)))
                self._tell(EngineReturned())

    async def _until_silent(self) -> EngineUnreachable | None:
        """Follows the engine's events until they end or it is called lost; the error where it really is gone.

        A dying engine ends its event stream without an error, so it is asked. One that somebody found gone
        may have an event stream that lasts: then it was a moment's trouble.
        """
        waiting = [asyncio.ensure_future(work) for work in (self._events(), self._lost.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        error = await self._ask()
        if error is None and not self.engine_lost:
            await asyncio.sleep(_ASK_AGAIN)
        return error

    async def _events(self) -> None:
        with contextlib.suppress(EngineError):
            async for event in self._tools.engine.events():
                if event.action == "start":
                    self._tell(AppBegan(event.container))
                elif event.action == "oom":
                    self._tell(AppOverMemory(event.container))
                elif event.exit_status is not None:
                    self._ends.pop(event.container, None)
                    self._ends[event.container] = event.exit_status
                    if len(self._ends) > _ENDS_KEPT:
                        del self._ends[next(iter(self._ends))]
                    self._end_told.set()

    async def _ask(self) -> EngineUnreachable | None:
        try:
            await self._tools.engine.info()
        except EngineUnreachable as error:
            return error
        except EngineError:
            # It answers, whatever it says.
            return None
        return None

    async def _gate(self) -> None:
        while True:
            await self._tools.ports.lost()
            try:
                await self._tools.ports.mend()
            except DevboxError:
                # The port may be taken by now, or the process cannot be started: tried again.
                await asyncio.sleep(_GATE_AGAIN)

    async def _ended(self, container: str, started: float) -> None:
        facts = await self.container(container)
        # The engine's wait takes one that it is about to start again for one that runs, and never tells of
        # the end before it.
        if facts is not None and started > 0 and (facts.starts_again or _another_run(facts, started)):
            status: int | None = facts.exit_status
        else:
            status = await self._status(container)
        if status is None:
            return
        facts = await self.container(container)
        if facts is not None and (facts.running or facts.starts_again):
            # The engine then tells the status of the new run.
            status = await self._status_told(container, status)
        self._ends.pop(container, None)
        self._tell(AppEnded(container, status, started))

    async def _status_told(self, container: str, otherwise: int) -> int:
        """The exit status that the engine's events tell of a container, within 1 s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_IS_TOLD):
                while container not in self._ends:
                    self._end_told.clear()
                    await self._end_told.wait()
        return self._ends.get(container, otherwise)

    async def _ready(self, container: str, readiness: Readiness) -> None:
        began = time.monotonic()
        outcome: ContainerFacts | StartFailed
        try:
            outcome = await wait_ready(self._tools.engine, container, self._tools.info, readiness)
        except StartFailed as error:
            outcome = error
        except EngineError:
            # Its return looks at what became of the container.
            return
        self._tell(AppAnswers(container, time.monotonic() - began, outcome))

    async def _status(self, container: str) -> int | None:
        """The exit status once it has ended; None where the engine goes away, which its return looks into."""
        while True:
            try:
                return await self._tools.engine.wait(container)
            except EngineError:
                facts = await self.container(container)
                if self.engine_lost or await self._ask() is not None:
                    return None
            if facts is None:
                return _REMOVED_BY_HAND
            await asyncio.sleep(_ASK_AGAIN)


def _another_run(facts: ContainerFacts, started: float) -> bool:
    return facts.running and facts.started != started
