"""What a client sees that keeps its HTTP/1 connection while backends come and go."""

from __future__ import annotations

import asyncio

import pytest

from devbox.gate.client import GateClient

from .kit import (
    BOUND,
    GET,
    AppServer,
    ask,
    fetch,
    naming,
    read_message,
    serving,
    until,
    until_open,
    until_served_by,
)

POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


async def test_the_request_after_a_flip_goes_to_the_new_backend(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    server = AppServer("0")
    backend = await server.start()
    await gate.point({"web": backend})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(1, 31):
        assert await ask(reader, writer) == server.name.encode()
        old, old_backend = server, backend
        server = AppServer(str(number))
        backend = await server.start()
        await gate.point({"web": backend})
        drained = await gate.drain([old_backend], quiet=5, bound=5)
        assert drained.remaining == 0
        assert drained.seconds < 1
        await old.stop()
    assert await ask(reader, writer) == b"30"
    assert (await gate.hello()).routes[0].accepted == 1
    writer.close()
    await server.stop()


async def test_many_kept_connections_and_new_ones_lose_nothing_in_many_flips(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    server = AppServer("0", delay=0.002)
    backend = await server.start()
    await gate.point({"web": backend})
    flips = 25
    done = asyncio.Event()
    last: list[bytes] = []
    asked = 0

    async def keep_asking() -> None:
        nonlocal asked
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        newest = 0
        while not done.is_set():
            number = int(await ask(reader, writer))
            assert number >= newest, "an older backend answered again"
            newest = number
            asked += 1
        last.append(await ask(reader, writer))
        writer.close()

    async def keep_coming() -> None:
        while not done.is_set():
            assert (await fetch(port)).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.004)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(keep_asking())
        group.create_task(keep_coming())
        for number in range(1, flips + 1):
            old, old_backend = server, backend
            server = AppServer(str(number), delay=0.002)
            backend = await server.start()
            before = asked
            await gate.point({"web": backend})
            drained = await gate.drain([old_backend], quiet=0.3, bound=5)
            assert drained.seconds < 2
            await old.stop()
            await until(lambda before=before: asked > before + 20)  # type: ignore[misc]
        done.set()
    assert last == [str(flips).encode()] * 20
    await server.stop()


async def test_half_a_head_moves_and_is_answered_by_the_new_backend(gate: GateClient) -> None:
    old, new = AppServer("old"), AppServer("new")
    first, second = await old.start(), await new.start()
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": first})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await ask(reader, writer) == b"old"
    writer.write(GET[:20])
    await asyncio.sleep(0.05)
    await gate.point({"web": second})
    assert (await gate.drain([first], quiet=5, bound=5)).seconds < 1
    await old.stop()
    assert await ask(reader, writer, GET[20:]) == b"new"
    writer.close()
    await new.stop()
    assert old.requests == new.requests == 1


async def test_half_a_body_stays_and_is_answered_by_the_old_backend(gate: GateClient) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await read_message(reader) == POST
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        assert await reader.read() == b"", "the next request is not for this one"

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(old) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST[:-2])
        await asyncio.sleep(0.05)
        await gate.point({"web": second})
        draining = asyncio.create_task(gate.drain([first], quiet=0, bound=BOUND))
        await asyncio.sleep(0.1)
        assert not draining.done()
        assert await ask(reader, writer, POST[-2:]) == b"old"
        assert await ask(reader, writer) == b"new"
        assert (await draining).remaining == 0
        writer.close()


@pytest.mark.parametrize("back", [False, True], ids=["flip", "flip and back"])
async def test_pipelined_requests_are_answered_where_they_were_sent(gate: GateClient, back: bool) -> None:
    old, new = AppServer("old", delay=0.1), AppServer("new")
    first, second = await old.start(), await new.start()
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": first})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET + GET)
    await until(lambda: old.requests == 1)
    await gate.point({"web": second})
    writer.write(GET)
    await asyncio.sleep(0.02)
    if back:
        await gate.point({"web": first})
    writer.write(GET)
    answers = [(await asyncio.wait_for(read_message(reader), BOUND)).split(b"\r\n\r\n")[1] for _ in range(4)]
    assert answers == [b"old", b"old", *([b"old"] if back else [b"new"]) * 2]
    writer.close()
    await old.stop()
    await new.stop()


async def test_a_client_that_ends_after_its_pipelined_request_is_answered(gate: GateClient) -> None:
    heard = asyncio.Event()

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        heard.set()
        try:
            # Whoever ends early is not answered, as by asyncio's own default.
            await asyncio.wait_for(reader.read(), 0.1)
        except TimeoutError:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
            await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(old) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await heard.wait()
        await gate.point({"web": second})
        writer.write(GET)
        writer.write_eof()
        answers = await asyncio.wait_for(reader.read(), BOUND)
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        assert answers.endswith(b"new")
        writer.close()


async def test_a_request_that_was_answered_early_holds_the_drain_until_it_is_sent(gate: GateClient) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(early) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(reader, writer, POST[:-2]) == b"old"
        await gate.point({"web": second})
        draining = asyncio.create_task(gate.drain([first], quiet=0, bound=BOUND))
        await asyncio.sleep(0.1)
        assert not draining.done()
        writer.write(POST[-2:])
        assert (await draining).remaining == 0
        assert await ask(reader, writer) == b"new"
        writer.close()


async def test_an_idle_connection_outlives_its_backend(gate: GateClient) -> None:
    old, new = AppServer("old"), AppServer("new")
    first, second = await old.start(), await new.start()
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": first})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await ask(reader, writer) == b"old"
    await old.stop()
    await until_served_by(gate, first, 0)
    asking = asyncio.create_task(ask(reader, writer))
    await asyncio.sleep(0.05)
    await gate.point({"web": second})
    assert await asking == b"new"
    writer.close()
    await until_open(gate, 0)
    await new.stop()


async def test_a_backend_that_closes_each_connection_after_an_answer_serves_a_kept_one(
    gate: GateClient,
) -> None:
    async def one_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(one_each) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(50):
            assert await ask(reader, writer) == b"ok"
        writer.close()


@pytest.mark.parametrize(
    ("request_bytes", "times"), [(GET, 2), (POST, 1), (POST.replace(b"POST", b"PUT"), 2), (GET[:-2], 2)]
)
@pytest.mark.parametrize("first", [True, False], ids=["first request", "second request"])
async def test_an_unanswered_request_is_said_again_once_where_that_does_no_harm(
    gate: GateClient, request_bytes: bytes, times: int, first: bool
) -> None:
    heard = 0

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        if not (heard or first):
            await read_message(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        heard += await reader.readexactly(len(request_bytes)) == request_bytes

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(leave) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if not first:
            assert await ask(reader, writer) == b"ok"
        writer.write(request_bytes)
        assert await asyncio.wait_for(reader.read(), BOUND) == b""
        writer.close()
    assert heard == times


async def test_a_request_whose_backend_died_over_it_is_answered_by_the_next(gate: GateClient) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("new")) as second:
        async with serving(hang) as first:
            await gate.point({"web": first})
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            asking = asyncio.create_task(ask(reader, writer))
            await until_served_by(gate, first, 1)
            await gate.point({"web": second})
            assert (await gate.drain([first], quiet=0, bound=0.2)).remaining == 1
        assert await asking == b"new"
        writer.close()


async def test_a_kept_connection_is_told_why_nothing_serves(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("one")) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(reader, writer) == b"one"
        await gate.point({"web": None})
        await gate.refuse("why")
        writer.write(GET)
        assert (await asyncio.wait_for(reader.read(), BOUND)).endswith(b"\r\n\r\nwhy\n")
        writer.close()
