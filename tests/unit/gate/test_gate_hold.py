from __future__ import annotations

import asyncio
import os
import time

import pytest

from devbox.gate.client import GateClient
from devbox.model import Backend

from .kit import BOUND, AppServer, fetch, free_port, naming, serving, until_open, until_served_by

GET = b"GET /path HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_client_is_held_until_there_is_a_backend(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    held = [asyncio.create_task(fetch(port)) for _ in range(20)]
    await until_open(gate, 20)
    assert not any(task.done() for task in held)
    async with serving(naming("one")) as backend:
        await gate.point({"web": backend})
        assert all(answer.endswith(b"one") for answer in await asyncio.gather(*held))


async def test_a_client_is_held_until_the_backend_answers_the_dial(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    later = free_port()
    await gate.point({"web": Backend("127.0.0.1", later)})
    held = [asyncio.create_task(fetch(port)) for _ in range(200)]
    await until_open(gate, 200)
    async with serving(naming("late"), later):
        began = time.monotonic()
        assert all(answer.endswith(b"late") for answer in await asyncio.gather(*held))
        assert time.monotonic() - began < 2


async def test_a_flip_takes_the_held_clients_along_at_once(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": Backend("127.0.0.1", free_port())})
    held = [asyncio.create_task(fetch(port)) for _ in range(50)]
    await until_open(gate, 50)
    async with serving(naming("new")) as backend:
        began = time.monotonic()
        await gate.point({"web": backend})
        assert all(answer.endswith(b"new") for answer in await asyncio.gather(*held))
        assert time.monotonic() - began < 1


async def test_a_dial_that_hangs_does_not_outlive_the_flip(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    # An address of the documentation range: nobody answers, not even with a refusal.
    await gate.point({"web": Backend("192.0.2.1", 80)})
    held = asyncio.create_task(fetch(port))
    await until_open(gate, 1)
    async with serving(naming("new")) as backend:
        await gate.point({"web": backend})
        assert (await asyncio.wait_for(held, BOUND)).endswith(b"new")


async def test_after_the_limit_a_browser_is_told_why(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0, hold=0.2)
    answer = await fetch(port, GET)
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"Retry-After: 1" in head
    assert b"Connection: close" in head
    assert body == b"devbox: no revision is serving\n"
    dead = free_port()
    await gate.point({"web": Backend("127.0.0.1", dead)})
    assert (await fetch(port, GET)).endswith(b"devbox: nothing answers at 127.0.0.1:%d\n" % dead)


async def test_a_message_is_told_at_once(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    waiting = asyncio.create_task(fetch(port, GET))
    await until_open(gate, 1)
    message = "devbox: no revision is serving: build 1 failed: RUN pip install …"
    began = time.monotonic()
    await gate.refuse(message)
    for answer in (await waiting, await fetch(port, GET)):
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.decode().endswith(f"\r\n\r\n{message}\n")
    assert not (await fetch(port, b"HEAD / HTTP/1.1\r\n\r\n")).endswith(b"\n\n")
    assert time.monotonic() - began < 2
    assert (await gate.hello()).message == message
    await gate.refuse("")
    held = asyncio.create_task(fetch(port, GET))
    await until_open(gate, 1)
    async with serving(naming("one")) as backend:
        await gate.refuse(message)
        assert (await held).startswith(b"HTTP/1.1 503 ")
        await gate.point({"web": backend})
        assert (await fetch(port)).endswith(b"one")
        assert (await gate.hello()).message == ""


async def test_a_request_in_pieces_is_recognised(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.refuse("why")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (b"G", b"ET", b" ", b"/ HTTP/1.1\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)
    assert (await asyncio.wait_for(reader.read(), BOUND)).endswith(b"\r\n\r\nwhy\n")
    writer.close()


async def test_an_upload_is_refused_without_a_reset(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.refuse("why")
    body = os.urandom(8 << 20)
    request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert (await fetch(port, request)).endswith(b"\r\n\r\nwhy\n")


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"hello\n"])
async def test_what_is_not_http_is_closed_without_a_word(gate: GateClient, first: bytes) -> None:
    port = await gate.listen("web", "127.0.0.1", 0, hold=0.3)
    assert await fetch(port, first) == b""
    await gate.refuse("why")
    assert await fetch(port, first) == b""


async def test_a_client_that_only_knocks_is_not_kept(gate: GateClient) -> None:
    port = await gate.listen("web", "127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    await until_open(gate, 1)
    writer.close()
    await until_open(gate, 0)


async def test_an_upload_larger_than_the_buffer_waits_whole(gate: GateClient) -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d" % len(await reader.read()))
        await writer.drain()

    port = await gate.listen("web", "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes(8 << 20))
    writer.write_eof()
    await asyncio.sleep(0.2)
    async with serving(count) as backend:
        await gate.point({"web": backend})
        assert await asyncio.wait_for(reader.read(), BOUND) == b"%d" % (8 << 20)
    writer.close()


async def test_an_unused_connection_moves_with_the_flip(gate: GateClient) -> None:
    old, new = AppServer("old"), AppServer("new")
    first, second = await old.start(), await new.start()
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": first})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await until_served_by(gate, first, 1)
    await gate.point({"web": second})
    assert (await gate.drain([first], quiet=1, bound=5)).remaining == 0
    await old.stop()
    writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), BOUND)).endswith(b"new")
    writer.close()
    await new.stop()
    assert old.requests == 0


async def test_an_unused_connection_outlives_its_backend(gate: GateClient) -> None:
    old, new = AppServer("old"), AppServer("new")
    first, second = await old.start(), await new.start()
    port = await gate.listen("web", "127.0.0.1", 0)
    await gate.point({"web": first})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await until_served_by(gate, first, 1)
    await old.stop()
    await asyncio.sleep(0.05)
    writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    await asyncio.sleep(0.05)
    await gate.point({"web": second})
    assert (await asyncio.wait_for(reader.read(), BOUND)).endswith(b"new")
    writer.close()
    await new.stop()
