"""What waits beside the loop: the engine, the gate, the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from devbox.daemon import guards as module
from devbox.daemon.guards import AppEnded, EngineReturned, Guards, Notice
from devbox.daemon.tools import Tools
from devbox.engine.fake import Behaviour, FakeEngine
from devbox.engine.values import ContainerSpec
from devbox.errors import EngineRefused, EngineUnreachable, GateError

from .kit import Said, labels, serving, until


@dataclass
class Ports:
    """A gate that dies when it is told to."""

    dies: asyncio.Event = field(default_factory=asyncio.Event)
    mends: int = 0
    refusals: int = 0
    told: list[str] = field(default_factory=list)

    async def lost(self) -> None:
        await self.dies.wait()

    async def mend(self) -> None:
        self.mends += 1
        if self.refusals:
            self.refusals -= 1
            raise GateError("the gate cannot be started")
        self.dies.clear()

    async def disconnect(self) -> None:
        self.told.append("disconnect")

    async def refuse(self, message: str) -> None:
        if self.refusals:
            raise GateError("the gate is gone")
        self.told.append(message)


@dataclass
class Bench:
    """Guards over a fake engine, and what they said and told."""

    engine: FakeEngine
    ports: Ports
    said: Said
    told: list[Notice]
    guards: Guards

    async def app(self, number: int = 1) -> str:
        name = self.engine.add_image(f"shop:r{number}", Behaviour(listens=False))
        container = await self.engine.create(ContainerSpec(f"devbox-shop-r{number}", name, labels(number)))
        await self.engine.start(container)
        return container


@asynccontextmanager
async def bench(engine: FakeEngine | None = None) -> AsyncIterator[Bench]:
    engine = engine or FakeEngine()
    said, ports, told = Said(), Ports(), []  # type: tuple[Said, Ports, list[Notice]]
    tools = cast("Tools", SimpleNamespace(engine=engine, info=engine.identity, ports=ports, emit=said))
    before = asyncio.all_tasks()
    group = asyncio.TaskGroup()
    async with group:
        yield Bench(engine, ports, said, told, Guards(tools, told.append, group))
        for task in asyncio.all_tasks() - before:
            task.cancel()
    await engine.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ASK_AGAIN", 0.01)
    monkeypatch.setattr(module, "_GATE_AGAIN", 0.01)


async def test_the_engines_end_and_return_are_said_once_each_and_told() -> None:
    async with bench() as on:
        on.guards.watch_engine()
        for _ in range(2):
            await asyncio.sleep(0.03)
            assert not on.guards.engine_lost
            on.engine.lose()
            await until(lambda: on.guards.engine_lost)
            await asyncio.sleep(0.03)
            on.engine.restore()
            await until(lambda: not on.guards.engine_lost)
        assert on.said.kinds == ["engine.lost", "engine.back"] * 2
        assert on.told == [EngineReturned()] * 2


async def test_an_event_stream_that_ends_is_no_end_of_the_engine() -> None:
    class Forgetful(FakeEngine):
        streams = 0

        async def events(self):  # type: ignore[no-untyped-def] # as the fake's
            self.streams += 1
            if self.streams > 3:
                async for event in super().events():
                    yield event

    engine = Forgetful()
    async with bench(engine) as on:
        on.guards.watch_engine()
        await until(lambda: engine.streams > 3)
        assert on.said == []
        engine.lose()
        await until(lambda: on.guards.engine_lost)


async def test_one_found_gone_by_somebody_else_comes_back_though_its_events_never_stopped() -> None:
    """One call that ran out of time must not leave devbox waiting for good."""
    async with bench() as on:
        on.guards.watch_engine()
        await asyncio.sleep(0.03)
        on.guards.engine_gone(EngineUnreachable("it did not answer in time"))
        on.guards.engine_gone(EngineUnreachable("it did not answer in time"))
        await until(lambda: not on.guards.engine_lost)
        assert on.said.kinds == ["engine.lost", "engine.back"]
        assert on.told == [EngineReturned()]
        # And the watch goes on.
        on.engine.lose()
        await until(lambda: on.guards.engine_lost)


async def test_an_engine_that_answers_with_an_error_answers() -> None:
    class Grumbling(FakeEngine):
        async def info(self):  # type: ignore[no-untyped-def] # never returns
            raise EngineRefused("internal error", status=500)

        async def events(self):  # type: ignore[no-untyped-def] # ends at once
            return
            yield

    async with bench(Grumbling()) as on:
        on.guards.watch_engine()
        await asyncio.sleep(0.1)
        assert on.said == []


async def test_the_applications_end_is_told_with_its_status() -> None:
    async with bench() as on:
        container = await on.app()
        on.guards.watch_app(serving(container=container))
        await asyncio.sleep(0.01)
        await on.engine.end(container, 3)
        await until(lambda: on.told)
        assert on.told == [AppEnded(container, 3, 0.0)]


async def test_only_the_last_one_is_watched() -> None:
    async with bench() as on:
        old, new = await on.app(1), await on.app(2)
        on.guards.watch_app(serving(container=old))
        await asyncio.sleep(0.01)
        on.guards.watch_app(serving(container=new))
        await on.engine.end(old, 1)
        await on.engine.end(new, 2)
        await until(lambda: on.told)
        assert on.told == [AppEnded(new, 2, 0.0)]


async def test_one_removed_by_hand_has_ended() -> None:
    async with bench() as on:
        on.guards.watch_app(serving(container="gone"))
        await until(lambda: on.told)
        assert on.told == [AppEnded("gone", 137, 0.0)]


async def test_one_that_is_about_to_be_started_again_before_it_is_watched_has_ended() -> None:
    async with bench() as on:
        container = await on.app()
        scripted = on.engine.scripted(container)
        scripted.status, scripted.exit_status = "restarting", 4
        on.guards.watch_app(replace(serving(container=container), started=scripted.started))
        await until(lambda: on.told)
        assert on.told == [AppEnded(container, 4, scripted.started)]


async def test_one_that_was_started_again_before_it_is_watched_has_ended() -> None:
    async with bench() as on:
        on.guards.watch_engine()
        container = await on.app()
        began = on.engine.scripted(container).started
        await asyncio.sleep(0.01)
        await on.engine.end(container, 5)
        await on.engine.start(container)
        on.guards.watch_app(replace(serving(container=container), started=began))
        await until(lambda: AppEnded(container, 5, began) in on.told)


async def test_an_engine_that_goes_away_says_nothing_about_the_application() -> None:
    async with bench() as on:
        container = await on.app()
        on.guards.watch_app(serving(container=container))
        await asyncio.sleep(0.01)
        on.engine.lose()
        await asyncio.sleep(0.05)
        assert on.told == []
        assert await on.guards.container(container) is None


async def test_a_wait_that_breaks_off_is_taken_up_again() -> None:
    class Breaking(FakeEngine):
        waits = 0

        async def wait(self, container: str) -> int:
            self.waits += 1
            if self.waits < 3:
                raise EngineUnreachable("the connection broke")
            return await super().wait(container)

    engine = Breaking()
    async with bench(engine) as on:
        container = await on.app()
        on.guards.watch_app(serving(container=container))
        await until(lambda: engine.waits == 3)
        await engine.end(container, 5)
        await until(lambda: on.told)
        assert on.told == [AppEnded(container, 5, 0.0)]


async def test_a_gate_that_dies_is_started_again_until_it_lives() -> None:
    async with bench() as on:
        on.guards.watch_gate()
        on.ports.refusals = 3
        on.ports.dies.set()
        await until(lambda: on.ports.mends == 4)
        await asyncio.sleep(0.03)
        assert on.ports.mends == 4
        on.ports.dies.set()
        await until(lambda: on.ports.mends == 5)


async def test_clients_are_told_where_there_is_a_gate() -> None:
    async with bench() as on:
        await on.guards.refuse_clients("no revision is serving")
        assert on.ports.told == ["disconnect", "no revision is serving"]
        on.ports.refusals = 1
        await on.guards.refuse_clients("again")
        assert on.ports.told[-1] == "disconnect"
