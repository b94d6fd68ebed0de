from __future__ import annotations

import asyncio
import time

import pytest

from devbox.gate.client import GateClient

from .kit import BOUND, GET, AppServer, ask, echo, fetch, naming, read_message, serving, until, until_open


async def test_twenty_flips_under_load_lose_nothing(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    server = AppServer("0", delay=0.003)
    backend = await server.start()
    await gate.point({"web": backend})
    done = asyncio.Event()
    answers: list[bytes] = []

    async def one() -> None:
        answers.append(await fetch(port))

    async def load() -> None:
        async with asyncio.TaskGroup() as group:
            while not done.is_set():
                group.create_task(one())
                await asyncio.sleep(0.005)

    loading = asyncio.create_task(load())
    for number in range(1, 21):
        old, old_backend = server, backend
        server = AppServer(str(number), delay=0.003)
        backend = await server.start()
        await gate.point({"web": backend})
        await gate.drain([old_backend], quiet=0.5, bound=5, close=True)
        await old.stop()
        served = len(answers)
        await until(lambda enough=served + 4: len(answers) >= enough)  # type: ignore[misc]
    done.set()
    await loading
    await server.stop()
    assert len(answers) >= 80
    bad = [answer for answer in answers if not answer.startswith(b"HTTP/1.1 200 ")]
    assert not bad
    assert answers[-1].endswith(b"20")


async def test_after_the_flip_nobody_sees_the_old_backend(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("a")) as first, serving(naming("b")) as second:
        for _ in range(20):
            for name, backend in ((b"a", first), (b"b", second)):
                await gate.point({"web": backend})
                assert (await fetch(port)).endswith(name)


async def test_routes_flip_together_or_not_at_all(gate: GateClient) -> None:
    web = await gate.listen("web", "127.0.0.1", 0)
    await gate.listen("admin", "127.0.0.1", 0)
    async with serving(naming("a")) as first, serving(naming("b")) as second:
        await gate.point({"web": first, "admin": first})
        with pytest.raises(Exception, match="refused"):
            await gate.point({"web": second, "nobody": second})
        assert (await fetch(web)).endswith(b"a")
        await gate.point({"web": second, "admin": second})
        assert {route.backend for route in (await gate.hello()).routes} == {second}


async def test_a_stream_stays_with_its_backend_until_the_drain_ends(gate: GateClient) -> None:
    async def tick(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while True:
            writer.write(b"tick\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(tick) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /events HTTP/1.1\r\n\r\n")
        assert await reader.readline() == b"tick\n"
        await gate.point({"web": second})
        began = time.monotonic()
        draining = asyncio.create_task(gate.drain([first], quiet=0.2, bound=1.0, close=True))
        assert (await fetch(port)).endswith(b"new")
        ticks = await asyncio.wait_for(reader.read(), BOUND)
        drained = await draining
        assert drained.remaining == 1
        elapsed = time.monotonic() - began
        # The two clocks are of two processes, and one counts in milliseconds.
        assert 0.95 <= drained.seconds <= elapsed + 0.05 < 2
        assert ticks.count(b"tick\n") > 20
        assert ticks.endswith(b"\n")
        writer.close()


async def test_a_drain_ends_when_the_last_connection_does(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(echo) as first, serving(echo) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        await gate.point({"web": second})
        draining = asyncio.create_task(gate.drain([first], quiet=5, bound=10))
        await asyncio.sleep(0.1)
        assert not draining.done()
        writer.close()
        drained = await draining
        assert drained.remaining == 0
        assert drained.seconds < 2


async def test_a_drain_ends_when_all_are_silent(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(echo) as first:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        drained = await gate.drain([first], quiet=0.2, bound=10)
        assert drained.remaining == 1
        assert drained.seconds < 2
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y", "a drain without close leaves connections alone"
        await gate.drain([first], quiet=0, bound=0, close=True)
        assert await asyncio.wait_for(reader.read(), BOUND) == b""
        writer.close()


async def test_a_drain_waits_for_a_first_answer_however_long_it_takes(gate: GateClient) -> None:
    slow = AppServer("slow", delay=0.5)
    backend = await slow.start()
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": backend})
    asking = asyncio.create_task(fetch(port))
    await until(lambda: slow.requests == 1)
    await gate.drain([backend], quiet=0.05, bound=10, close=True)
    assert (await asking).endswith(b"slow")
    await slow.stop()


async def test_what_a_drain_closes_is_flushed_first(gate: GateClient) -> None:
    size = 300_000

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes(size))
        await writer.drain()
        await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(pour) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"x")
        await reader.readexactly(1)
        drained = await gate.drain([backend], quiet=0.2, bound=5, close=True)
        assert drained.remaining == 1
        assert drained.seconds < 2
        assert len(await asyncio.wait_for(reader.read(), BOUND)) == size - 1
        writer.close()


async def test_a_drain_lasts_as_long_as_the_answer(gate: GateClient) -> None:
    finish = asyncio.Event()

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await finish.wait()
        writer.write(b"0\r\n\r\n")
        await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(slowly) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"half")
        await gate.point({"web": second})
        draining = asyncio.create_task(gate.drain([first], quiet=0.05, bound=BOUND))
        await asyncio.sleep(0.3)
        assert not draining.done(), "a silent answer is in progress all the same"
        finish.set()
        began = time.monotonic()
        assert (await draining).remaining == 0
        assert time.monotonic() - began < 1
        await reader.readuntil(b"0\r\n\r\n")
        assert await ask(reader, writer) == b"new"
        writer.close()


async def test_events_stay_with_their_backend_until_the_bound_of_the_drain(gate: GateClient) -> None:
    async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        while True:
            writer.write(b"9\r\ndata: x\n\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("new")) as second:
        async with serving(events) as first:
            await gate.point({"web": first})
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await reader.readuntil(b"data")
            await gate.point({"web": second})
            drained = await gate.drain([first], quiet=0.3, bound=0.6)
            assert drained.remaining == 1
            assert 0.55 <= drained.seconds < 2
            assert (await fetch(port)).endswith(b"new")
            assert await reader.readuntil(b"data")
        # The application has ended, and its answer with it.
        await asyncio.wait_for(reader.read(), BOUND)
        writer.close()
    await until_open(gate, 0)
