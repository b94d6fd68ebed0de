from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from devbox.engine.calls import Calls, pause, running_call
from devbox.errors import EngineUnreachable
from tests.contract.engine_contract import engine_threads

PROMPT = 0.2


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = engine_threads()
    yield
    assert engine_threads() == before


def reading(sock: socket.socket) -> Callable[[], bytes]:
    """Work that reads one byte from a socket its call knows."""

    def work() -> bytes:
        call = running_call()
        assert call is not None
        call.adopt(sock)
        return sock.recv(1)

    return work


async def test_a_result_and_an_exception_come_as_they_are() -> None:
    calls = Calls()
    mistake = LookupError("no")

    def fail() -> None:
        raise mistake

    assert await calls.run(lambda: 3) == 3
    with pytest.raises(LookupError) as raised:
        await calls.run(fail)
    assert raised.value is mistake


async def test_cancelling_wakes_a_thread_that_reads(pair: tuple[socket.socket, socket.socket]) -> None:
    task = asyncio.create_task(Calls().run(reading(pair[0])))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < PROMPT


async def test_cancelling_before_a_socket_is_known_ends_the_call_at_it(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    loop, entered, go = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    ended: list[type[BaseException]] = []

    def work() -> bytes:
        loop.call_soon_threadsafe(entered.set)
        go.wait(5)
        try:
            return reading(pair[0])()
        except BaseException as error:
            ended.append(type(error))
            raise

    task = asyncio.create_task(Calls().run(work))
    await entered.wait()
    task.cancel()
    await asyncio.sleep(0.01)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [kind.__name__ for kind in ended] == ["Aborted"]


async def test_a_socket_given_back_is_not_shut_down(pair: tuple[socket.socket, socket.socket]) -> None:
    def work(put: Callable[[bytes], None]) -> None:
        put(reading(pair[0])())

    pair[1].send(b"x")
    stream = Calls().stream(work)
    assert [item async for item in stream] == [b"x"]
    await stream.aclose()
    pair[1].send(b"y")
    assert pair[0].recv(1) == b"y"


async def test_a_pause_ends_with_its_task() -> None:
    task = asyncio.create_task(Calls().run(lambda: pause(60)))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < PROMPT


async def test_items_come_in_order_and_the_error_after_them() -> None:
    def work(put: Callable[[int], None]) -> None:
        for number in range(5000):
            put(number)
        raise LookupError("at the end")

    seen: list[int] = []

    async def collect() -> None:
        async for item in Calls().stream(work):
            seen.append(item)

    with pytest.raises(LookupError):
        await collect()
    assert seen == list(range(5000))


async def test_a_slow_consumer_holds_the_thread_back() -> None:
    given = 0

    def work(put: Callable[[int], None]) -> None:
        nonlocal given
        for number in range(100_000):
            put(number)
            given = number

    stream = Calls().stream(work)
    assert await anext(stream) == 0
    await asyncio.sleep(0.1)
    assert given < 5000
    began = time.monotonic()
    await stream.aclose()
    assert time.monotonic() - began < PROMPT


async def test_closing_ends_what_runs_and_lets_nothing_start(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    calls = Calls()
    pausing = asyncio.create_task(calls.run(lambda: pause(60)))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    await calls.close()
    assert time.monotonic() - began < PROMPT
    with pytest.raises(EngineUnreachable):
        await pausing
    with pytest.raises(EngineUnreachable):
        await calls.run(lambda: 1)
    await calls.close()
