"""Following what containers write."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncIterator, Callable

import pytest

from devbox.daemon import applog
from devbox.daemon.applog import LogFollowers
from devbox.engine.fake import Behaviour, FakeEngine
from devbox.engine.values import ContainerSpec
from devbox.events import AppLog

from .kit import Said, labels, until


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    await engine.close()


async def made(engine: FakeEngine, number: int, *log: str) -> str:
    name = engine.add_image(f"shop:r{number}", Behaviour(listens=False, log=log))
    return await engine.create(ContainerSpec(f"devbox-shop-r{number}", name, labels(number)))


def told(said: Said) -> list[tuple[int, str, str]]:
    return [(event.revision, event.stream, event.line) for event in said if isinstance(event, AppLog)]


async def said_until(engine: FakeEngine, container: str, line: str, true: Callable[[], object]) -> None:
    """Has it write until it is true: nobody tells when a follower has begun to listen."""

    async def say() -> None:
        while True:
            await engine.say(container, line)
            await asyncio.sleep(0.005)

    saying = asyncio.create_task(say())
    await until(true)
    saying.cancel()


async def test_every_line_from_the_first_one_on(engine: FakeEngine) -> None:
    said = Said()
    followers = LogFollowers(engine, said)
    container = await made(engine, 1, "one", "two")
    followers.follow(container, 1)
    followers.follow(container, 1)
    await engine.start(container)
    await engine.say(container, "three", "stderr")
    await until(lambda: len(said) == 3)
    assert told(said) == [(1, "stdout", "one"), (1, "stdout", "two"), (1, "stderr", "three")]
    await followers.close()


async def test_only_what_is_new_where_it_ran_before(engine: FakeEngine) -> None:
    said = Said()
    followers = LogFollowers(engine, said)
    container = await made(engine, 1, "old")
    await engine.start(container)
    followers.follow(container, 1, tail=0)
    await said_until(engine, container, "new", lambda: said)
    assert {line for _, _, line in told(said)} == {"new"}
    await followers.close()


async def test_the_last_lines_come_before_it_is_finished(engine: FakeEngine) -> None:
    said = Said()
    followers = LogFollowers(engine, said)
    container = await made(engine, 1)
    await engine.start(container)
    followers.follow(container, 1)
    await engine.say(container, "last")
    await engine.end(container, 1)
    await followers.finish(container)
    assert told(said) == [(1, "stdout", "last")]
    await followers.finish(container)
    await followers.finish("never followed")


async def test_finishing_one_that_does_not_end_is_bounded(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applog, "_LAST_LINES_BOUND", 0.05)
    followers = LogFollowers(engine, Said())
    container = await made(engine, 1)
    await engine.start(container)
    before = asyncio.all_tasks()
    followers.follow(container, 1)
    began = time.monotonic()
    await followers.finish(container)
    assert time.monotonic() - began < 1
    assert asyncio.all_tasks() == before


async def test_after_the_engine_was_away_it_is_followed_again(engine: FakeEngine) -> None:
    said = Said()
    followers = LogFollowers(engine, said)
    container = await made(engine, 1)
    await engine.start(container)
    followers.follow(container, 1)
    await engine.say(container, "before")
    await until(lambda: said)
    others = asyncio.all_tasks()
    engine.lose()
    await until(lambda: asyncio.all_tasks() < others)
    engine.restore()
    followers.follow(container, 1, tail=0)
    await said_until(engine, container, "after", lambda: len(said) > 1)
    assert {line for _, _, line in told(said)} == {"before", "after"}
    await followers.close()


async def test_one_that_is_gone_is_no_error_and_nothing_is_left(engine: FakeEngine) -> None:
    followers = LogFollowers(engine, Said())
    before = asyncio.all_tasks()
    for number in range(3):
        container = await made(engine, number)
        await engine.start(container)
        followers.follow(container, number)
    followers.follow("no such container", 9)
    await asyncio.sleep(0)
    await followers.close()
    assert asyncio.all_tasks() == before


async def test_nothing_is_kept_of_a_container_that_ended_without_having_served(engine: FakeEngine) -> None:
    before = len(asyncio.all_tasks())
    followers = LogFollowers(engine, Said())
    kept = []
    for number in (1, 2, 3):
        container = await made(engine, number, "one")
        followers.follow(container, number)
        await engine.start(container)
        kept += [weakref.ref(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await engine.remove_container(container)
    await until(lambda: len(asyncio.all_tasks()) == before)
    gc.collect()
    assert kept
    assert not any(task() for task in kept)
    await followers.close()
