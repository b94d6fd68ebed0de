"""How a container takes over: what serves meanwhile, and what is left when it comes to nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from devbox.engine.fake import Behaviour, FakeEngine
from devbox.engine.values import ContainerFacts, ContainerSpec
from devbox.errors import Conflict, DevboxError, EngineUnreachable, PortTaken, StartFailed, Superseded
from devbox.model import LABEL_PROJECT, PortMapping
from devbox.release.probe import Readiness
from devbox.release.strategies import Candidate, Handover, Hooks, recreate, retire, rolling

from .kit import INFO, PORT, SERVES, SILENT, spec

T = TypeVar("T")
READY = Readiness(PORT)
GRACE = 1.0


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    await engine.close()


@dataclass
class Seen:
    """What the hooks saw, in order; `fail` has one of them raise."""

    fail: dict[str, BaseException] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    flipped_to: ContainerFacts | None = None

    @property
    def hooks(self) -> Hooks:
        return Hooks(started=lambda _: self._call("started"), confirm=self._confirm, flip=self._flip)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fail:
            raise self.fail[name]

    async def _confirm(self) -> None:
        await asyncio.sleep(0)
        self._call("confirm")

    async def _flip(self, facts: ContainerFacts) -> None:
        await asyncio.sleep(0)
        self._call("flip")
        await asyncio.sleep(0)
        self.flipped_to = facts


async def names(engine: FakeEngine) -> list[str]:
    """Every container there is, the running ones marked."""
    found = await engine.containers("shop")
    return sorted(f"{facts.name} {facts.status}" for facts in found)


async def roll(engine: FakeEngine, new: ContainerSpec, seen: Seen, ready: Readiness = READY) -> Handover:
    return await rolling(engine, INFO, Candidate(new, ready), seen.hooks)


async def swap(
    engine: FakeEngine, new: ContainerSpec, seen: Seen, previous: str | None, ready: Readiness = READY
) -> Handover:
    return await recreate(engine, INFO, Candidate(new, ready), seen.hooks, previous, GRACE)


async def old(engine: FakeEngine, **more: Any) -> str:
    """A container that serves."""
    container = await engine.create(spec(engine, Behaviour(port=PORT, text="old"), "devbox-shop-r0", **more))
    await engine.start(container)
    return container


async def test_rolling_starts_confirms_and_flips(engine: FakeEngine) -> None:
    previous = await old(engine)
    seen = Seen()
    handover = await roll(engine, spec(engine, SERVES), seen)
    assert seen.calls == ["started", "confirm", "flip"]
    assert handover.container == seen.flipped_to
    assert handover.boot >= 0
    assert handover.flip >= 0
    assert await names(engine) == ["devbox-shop-r0 running", "devbox-shop-r1 running"]
    await retire(engine, previous, GRACE)
    await retire(engine, previous, GRACE)
    assert await names(engine) == ["devbox-shop-r1 running"]


FAILURES: list[tuple[Behaviour, Readiness, dict[str, BaseException], type[BaseException], str]] = [
    (Behaviour(port=PORT, exits=3, log=("boom",)), READY, {}, StartFailed, "exited with status 3"),
    (SILENT, Readiness(PORT, timeout=0.05), {}, StartFailed, "was not ready"),
    (SERVES, READY, {"started": RuntimeError("mistake")}, RuntimeError, "mistake"),
    (SERVES, READY, {"confirm": Superseded("the source changed again")}, Superseded, "changed again"),
    (SERVES, READY, {"flip": EngineUnreachable("the gate is gone")}, EngineUnreachable, "gate"),
]


@pytest.mark.parametrize(
    ("behaviour", "ready", "fail", "error", "text"),
    FAILURES,
    ids=["exits", "never ready", "started", "superseded", "flip"],
)
async def test_rolling_that_fails_leaves_the_old_one_and_nothing_else(
    engine: FakeEngine,
    behaviour: Behaviour,
    ready: Readiness,
    fail: dict[str, BaseException],
    error: type[BaseException],
    text: str,
) -> None:
    await old(engine)
    with pytest.raises(error, match=text):
        await roll(engine, spec(engine, behaviour), Seen(fail), ready)
    assert await names(engine) == ["devbox-shop-r0 running"]


@pytest.mark.parametrize(
    ("behaviour", "ready", "fail", "error", "text"),
    FAILURES,
    ids=["exits", "never ready", "started", "superseded", "flip"],
)
async def test_recreate_that_fails_starts_the_old_one_again(
    engine: FakeEngine,
    behaviour: Behaviour,
    ready: Readiness,
    fail: dict[str, BaseException],
    error: type[BaseException],
    text: str,
) -> None:
    previous = await old(engine)
    with pytest.raises(error, match=text):
        await swap(engine, spec(engine, behaviour), Seen(fail), previous, ready)
    assert await names(engine) == ["devbox-shop-r0 running"]
    stopped = "stop devbox-shop-r0" in engine.journal
    assert stopped is ("confirm" not in fail)


async def test_recreate_hands_the_very_port_over(engine: FakeEngine) -> None:
    port = PortMapping("127.0.0.1", PORT - 10_000, PORT)
    previous = await old(engine, ports=(port,))
    seen = Seen()
    handover = await swap(
        engine, spec(engine, Behaviour(port=PORT, text="new"), ports=(port,)), seen, previous
    )
    assert seen.calls == ["confirm", "started", "flip"]
    assert handover.container.published[f"{PORT}/tcp"][0].port == PORT - 10_000
    assert [entry for entry in engine.journal if entry.startswith(("stop", "start"))] == [
        "start devbox-shop-r0",
        "stop devbox-shop-r0",
        "start devbox-shop-r1",
    ]
    assert await names(engine) == ["devbox-shop-r0 exited", "devbox-shop-r1 running"]


async def test_recreate_is_created_before_the_old_one_stops(engine: FakeEngine) -> None:
    previous = await old(engine)
    await swap(engine, spec(engine, SERVES), Seen(), previous)
    assert engine.journal.index("create devbox-shop-r1") < engine.journal.index("stop devbox-shop-r0")


async def test_the_first_recreate_has_nothing_to_stop(engine: FakeEngine) -> None:
    await swap(engine, spec(engine, SERVES), Seen(), None)
    assert await names(engine) == ["devbox-shop-r1 running"]


async def test_a_port_that_somebody_took_starts_the_old_one_again(engine: FakeEngine) -> None:
    engine.taken_ports.add(PORT - 10_001)
    previous = await old(engine)
    new = spec(engine, SERVES, ports=(PortMapping("127.0.0.1", PORT - 10_001, PORT),))
    with pytest.raises(PortTaken):
        await swap(engine, new, Seen(), previous)
    assert await names(engine) == ["devbox-shop-r0 running"]


async def test_a_leftover_of_ours_under_the_name_is_replaced(engine: FakeEngine) -> None:
    left = await engine.create(spec(engine, Behaviour(port=PORT, exits=1)))
    await roll(engine, spec(engine, SERVES), Seen())
    assert await engine.container(left) is None
    assert await names(engine) == ["devbox-shop-r1 running"]


@pytest.mark.parametrize("labels", [{}, {LABEL_PROJECT: "another"}])
async def test_a_foreign_container_under_the_name_is_not(engine: FakeEngine, labels: dict[str, str]) -> None:
    foreign = await engine.create(spec(engine, SERVES, labels=labels))
    await engine.start(foreign)
    previous = await old(engine)
    with pytest.raises(Conflict):
        await roll(engine, spec(engine, SERVES), Seen())
    with pytest.raises(Conflict):
        await swap(engine, spec(engine, SERVES), Seen(), previous)
    facts = await engine.container(foreign)
    assert facts is not None
    assert facts.running
    assert await names(engine) == ["devbox-shop-r0 running"]


class Slow(FakeEngine):
    """Does what it is asked for even if nobody waits any more, and answers a little later."""

    async def create(self, spec: ContainerSpec) -> str:
        return await self._later(super().create(spec))

    async def start(self, container: str) -> None:
        await self._later(super().start(container))

    async def stop(self, container: str, grace: float) -> None:
        await self._later(super().stop(container, grace))

    async def remove_container(self, container: str) -> None:
        await self._later(super().remove_container(container))

    async def container(self, container: str) -> ContainerFacts | None:
        return await self._later(super().container(container))

    async def _later(self, work: Coroutine[object, object, T]) -> T:
        async def carry() -> T:
            # One after the other, as an engine deals with one container.
            async with self.one:
                return await work

        done = asyncio.ensure_future(carry())
        self.orders.append(done)
        for _ in range(2):
            await asyncio.sleep(0)
        return await asyncio.shield(done)

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[asyncio.Future[Any]] = []
        self.one = asyncio.Lock()


Work = Callable[[Slow, Seen], Awaitable[object]]


async def cancelled_after(turns: int, work: Work, leftover: bool) -> tuple[bool, Seen, list[str]]:
    """Cancels the work after so many turns of the loop; whether it was done by then, and what is left."""
    engine, seen = Slow(), Seen()
    await old(engine)
    if leftover:
        await engine.create(spec(engine, SERVES))
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(work(engine, seen))
    for _ in range(turns):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    outcome = (await asyncio.gather(task, return_exceptions=True))[0]
    assert outcome is None if done else isinstance(outcome, asyncio.CancelledError), outcome
    await asyncio.gather(*engine.orders, return_exceptions=True)
    assert asyncio.all_tasks() <= before
    left = await names(engine)
    await engine.close()
    return done, seen, left


@pytest.mark.parametrize("leftover", [False, True], ids=["", "leftover"])
async def test_cancelled_anywhere_rolling_leaves_the_old_one_and_nothing_else(leftover: bool) -> None:
    async def work(engine: Slow, seen: Seen) -> None:
        await roll(engine, spec(engine, SERVES), seen)

    gone_as_far_as = set()
    for turns in range(2000):
        done, seen, left = await cancelled_after(turns, work, leftover)
        if done:
            assert left == ["devbox-shop-r0 running", "devbox-shop-r1 running"]
            break
        # Before its first turn it has not looked at the leftover.
        assert left == ["devbox-shop-r0 running"] or (leftover and left[1] == "devbox-shop-r1 created"), turns
        gone_as_far_as.update(seen.calls)
    else:
        pytest.fail("it never came to its end")
    assert gone_as_far_as == {"started", "confirm", "flip"}


async def test_cancelled_anywhere_recreate_has_the_old_one_serve() -> None:
    async def work(engine: Slow, seen: Seen) -> None:
        (previous,) = await engine.containers("shop")
        await swap(engine, spec(engine, SERVES), seen, previous.id)

    for turns in range(2000):
        done, _, left = await cancelled_after(turns, work, False)
        if done:
            assert left == ["devbox-shop-r0 exited", "devbox-shop-r1 running"]
            break
        assert left == ["devbox-shop-r0 running"], turns
    else:
        pytest.fail("it never came to its end")


async def test_cancelled_twice_it_still_cleans_up(engine: FakeEngine) -> None:
    class Stubborn(Slow):
        async def remove_container(self, container: str) -> None:
            await asyncio.sleep(0.05)
            await super().remove_container(container)

    stubborn = Stubborn()
    task = asyncio.create_task(roll(stubborn, spec(stubborn, SILENT), Seen()))
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(stubborn) == []
    await stubborn.close()


async def test_an_engine_that_is_gone_is_said_once_and_waited_for_in_bounds(engine: FakeEngine) -> None:
    class Dying(FakeEngine):
        async def start(self, container: str) -> None:
            self.lose()
            await super().start(container)

    dying = Dying()
    began = time.monotonic()
    with pytest.raises(EngineUnreachable, match="is gone"):
        await roll(dying, spec(dying, SERVES), Seen())
    assert time.monotonic() - began < 2


async def test_a_cleanup_that_hangs_is_given_up(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(FakeEngine):
        async def remove_container(self, container: str) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("devbox.release.carry.CLEANUP_BOUND", 0.1)
    hanging = Hanging()
    before = asyncio.all_tasks()
    with pytest.raises(DevboxError, match="exited with status 3"):
        await roll(hanging, spec(hanging, Behaviour(port=PORT, exits=3)), Seen())
    assert asyncio.all_tasks() == before
    await hanging.close()
