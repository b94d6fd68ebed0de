"""Each form of an HTTP/1 exchange, and what is none, across a flip."""

from __future__ import annotations

import asyncio

import pytest

from devbox.gate.client import GateClient

from .kit import BOUND, GET, ask, echo, naming, read_message, replying, serving, until_open, until_served_by

HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "answers"),
    [
        (HEAD, [b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"]),
        (HEAD, [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
        (HEAD + GET, [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", OK]),
        (GET, [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"]),
        (GET, [b"HTTP/1.1 204 No Content\r\n\r\n"]),
        (GET, [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4000\r\n\r\n"]),
        (GET, [b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK]),
        (UPGRADE, [OK]),
        (
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            [OK.replace(b"\r\n", b"\r\nConnection: keep-alive\r\n", 1)],
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000), [OK]),
    ],
)
async def test_after_any_exchange_the_connection_moves(
    gate: GateClient, request_bytes: bytes, answers: list[bytes]
) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(replying(*answers)) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = b"".join(answers)
        for _ in range(3):
            writer.write(request_bytes)
            assert await asyncio.wait_for(reader.readexactly(len(answer)), BOUND) == answer
        await gate.point({"web": second})
        await until_served_by(gate, first, 0)
        assert await ask(reader, writer) == b"new"
        writer.close()


async def test_an_upload_that_waits_to_be_let_go_on_stays_until_its_answer(gate: GateClient) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(CONTINUE)
        assert await reader.readexactly(6) == b"upload"
        writer.write(OK)
        await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(old) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await reader.readexactly(len(CONTINUE)) == CONTINUE
        await gate.point({"web": second})
        await asyncio.sleep(0.05)
        writer.write(b"upload"[:3])
        await writer.drain()
        writer.write(b"upload"[3:])
        assert await asyncio.wait_for(reader.readexactly(len(OK)), BOUND) == OK
        writer.close()
    await until_open(gate, 0)


async def test_an_answer_without_a_length_ends_with_its_backend(gate: GateClient) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await asyncio.sleep(0.2)
        writer.write(b" and half")

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(old) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"half")
        await gate.point({"web": second})
        assert await asyncio.wait_for(reader.read(), BOUND) == b" and half"
        writer.close()


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (GET, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ],
)
async def test_a_connection_that_is_to_end_ends(
    gate: GateClient, request_bytes: bytes, answer: bytes
) -> None:
    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(answer)

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(last) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        assert await asyncio.wait_for(reader.read(), BOUND) == answer
        writer.close()


async def _switch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    await asyncio.sleep(0.05)
    writer.write(SWITCHED)
    await echo(reader, writer)


async def test_a_websocket_stays_with_its_backend_until_that_ends_it(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("new")) as second:
        async with serving(_switch) as first:
            await gate.point({"web": first})
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(UPGRADE)
            assert await asyncio.wait_for(reader.readexactly(len(SWITCHED)), BOUND) == SWITCHED
            await gate.point({"web": second})
            writer.write(GET)
            assert await asyncio.wait_for(reader.readexactly(len(GET)), BOUND) == GET
            drained = await gate.drain([first], quiet=0.2, bound=BOUND)
            assert drained.remaining == 1
            assert drained.seconds < 2, "a silent one does not hold up the swap"
            writer.write(b"\x81\x00")
            assert await asyncio.wait_for(reader.readexactly(2), BOUND) == b"\x81\x00"
        assert await asyncio.wait_for(reader.read(), BOUND) == b""
        writer.close()


async def test_what_was_said_over_an_upgrade_in_the_middle_of_a_flip_reaches_the_old_backend(
    gate: GateClient,
) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(_switch) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        await until_served_by(gate, first, 1)
        await gate.point({"web": second})
        writer.write(bytes(200_000))
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), BOUND) == SWITCHED + bytes(200_000)
        writer.close()


@pytest.mark.parametrize(
    "first_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        b"HELO example.com\r\n",
    ],
)
async def test_what_is_not_http1_stays_and_passes_as_bytes(gate: GateClient, first_bytes: bytes) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(echo) as first, serving(naming("new")) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for backend in (second, first, second):
            for piece in (first_bytes, GET):
                writer.write(piece)
                assert await asyncio.wait_for(reader.readexactly(len(piece)), BOUND) == piece
            await gate.point({"web": backend})
        writer.close()


@pytest.mark.parametrize("gone", [False, True])
async def test_a_greeting_after_a_flip_is_the_new_backends(gate: GateClient, gone: bool) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not gone:
            await reader.read()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.read()

    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(silent) as first, serving(greet) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await until_open(gate, 1)
        await until_served_by(gate, first, 0 if gone else 1)
        await gate.point({"web": second})
        assert await asyncio.wait_for(reader.readline(), BOUND) == b"220 hello\r\n"
        writer.close()


async def test_a_port_that_is_gone_keeps_its_clients_where_they_are(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("old")) as first:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(reader, writer) == b"old"
        await gate.unlisten("web")
        assert await ask(reader, writer) == b"old"
    assert await asyncio.wait_for(reader.read(), BOUND) == b""
    writer.close()


async def test_an_answer_that_is_not_read_slows_the_next_backend_too(gate: GateClient) -> None:
    size = 64 << 20
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(64):
            writer.write(bytes(size // 64))
            await writer.drain()
            sent += size // 64
        await reader.read()

    body = bytes(600_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(replying(answer)) as first, serving(pour) as second:
        await gate.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)
        writer.write(GET * 20)
        await asyncio.sleep(0.2)
        await gate.point({"web": second})
        writer.write(GET)
        got = 0
        while got < len(answer) * 20:
            got += len(await asyncio.wait_for(reader.read(len(answer) * 20 - got), BOUND))
        await asyncio.sleep(0.3)
        assert sent < size / 2, "nothing slowed the backend down"
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), BOUND)
        assert head.startswith(b"HTTP/1.1 200 OK")
        got = 0
        while got < size:
            got += len(await asyncio.wait_for(reader.read(1 << 20), BOUND))
        writer.close()
