from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devbox.gate.backend import BackendLink
from devbox.gate.client import GateClient
from devbox.gate.forward import Connection
from devbox.model import Backend

from .kit import BOUND, echo, fetch, naming, serving, until, until_open


async def _open(gate: GateClient, name: str = "web") -> int:
    return await gate.listen(name, "127.0.0.1", 0)


@pytest.mark.parametrize("chunk", [1, 1000, 1460, 65536, 1 << 20])
async def test_every_byte_comes_back_in_order(gate: GateClient, chunk: int) -> None:
    size = 4096 if chunk == 1 else 1 << 20
    sent = os.urandom(size)
    port = await _open(gate)
    async with serving(echo) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def send() -> None:
            for start in range(0, size, chunk):
                writer.write(sent[start : start + chunk])
                await writer.drain()
            writer.write_eof()

        got, _ = await asyncio.wait_for(asyncio.gather(reader.read(), send()), BOUND)
        writer.close()
    assert got == sent


@given(chunks=st.lists(st.binary(max_size=3000), max_size=12), pauses=st.lists(st.booleans(), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_chunking_arrives_whole(gate: GateClient, chunks: list[bytes], pauses: list[bool]) -> None:
    port = await _open(gate)
    async with serving(echo) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, chunk in enumerate(chunks):
            writer.write(chunk)
            if number < len(pauses) and pauses[number]:
                await writer.drain()
                await asyncio.sleep(0.001)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), BOUND) == b"".join(chunks)
        writer.close()


async def test_the_clients_end_leaves_the_answer_open(gate: GateClient) -> None:
    async def answer_after_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read()
        await asyncio.sleep(0.05)
        writer.write(b"got " + request)
        await writer.drain()

    port = await _open(gate)
    async with serving(answer_after_end) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"question")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), BOUND) == b"got question"
        writer.close()
    await until_open(gate, 0)


async def test_an_end_without_a_word_still_gets_a_greeting(gate: GateClient) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        writer.write(b"220 hello\r\n")
        await writer.drain()

    port = await _open(gate)
    async with serving(greet) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), BOUND) == b"220 hello\r\n"
        writer.close()


async def test_the_backends_end_leaves_the_request_open(gate: GateClient) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def end_then_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"enough")
        writer.write_eof()
        got.set_result(await reader.read())

    port = await _open(gate)
    async with serving(end_then_read) as backend:
        await gate.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), BOUND) == b"enough"
        writer.write(b"more")
        writer.write_eof()
        assert await asyncio.wait_for(got, BOUND) == b"more"
        writer.close()
    await until_open(gate, 0)


async def test_a_backend_that_dies_ends_the_client_without_a_reset(gate: GateClient) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"half an answer")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    port = await _open(gate)
    async with serving(die) as backend:
        await gate.point({"web": backend})
        assert await fetch(port, b"GET / HTTP/1.1\r\n\r\n" + b"x" * 500) == b"half an answer"
    await until_open(gate, 0)


async def test_an_answer_to_an_unread_upload_arrives(gate: GateClient) -> None:
    def answer_and_leave(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.recv(4096)
                client.sendall(b"too large")
                client.close()

    port = await gate.listen("web", "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = asyncio.create_task(asyncio.to_thread(answer_and_leave, listener))
        await gate.point({"web": Backend("127.0.0.1", listener.getsockname()[1])})
        answers = {await fetch(port, bytes(8 << 20)) for _ in range(20)}
        listener.shutdown(socket.SHUT_RDWR)
        await answering
    assert answers == {b"too large"}


async def test_a_client_that_vanishes_is_known_to_the_backend(gate: GateClient) -> None:
    ended = asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()

    port = await _open(gate)
    async with serving(wait_for_end) as backend:
        await gate.point({"web": backend})
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        await writer.drain()
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), BOUND)


async def test_a_slow_reader_costs_bounded_memory_and_loses_nothing(gate: GateClient) -> None:
    size = 96 << 20
    block = os.urandom(1 << 20)
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(size >> 20):
            writer.write(block)
            await writer.drain()
            sent += len(block)

    port = await _open(gate)
    async with serving(pour) as backend:
        await gate.point({"web": backend})
        before = _resident(gate.pid)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        await until(lambda: sent > 0)
        last = -1
        while last != sent:
            last = sent
            await asyncio.sleep(0.2)
        assert sent < size / 2, "nothing slowed the backend down"
        assert _resident(gate.pid) - before < 4 << 20
        got = 0
        while data := await asyncio.wait_for(reader.read(1 << 20), BOUND):
            got += len(data)
        assert got == size
        assert _resident(gate.pid) - before < 4 << 20
        writer.close()


async def test_five_hundred_clients_at_once(gate: GateClient) -> None:
    port = await _open(gate)
    async with serving(naming("one")) as backend:
        await gate.point({"web": backend})
        answers = await asyncio.gather(*(fetch(port) for _ in range(500)))
        assert all(answer.endswith(b"one") for answer in answers)
        state = (await gate.hello()).routes[0]
        assert state.accepted == 500
    await until_open(gate, 0)


async def test_routes_do_not_mix(gate: GateClient) -> None:
    web, admin = await _open(gate, "web"), await _open(gate, "admin")
    async with serving(naming("web")) as first, serving(naming("admin")) as second:
        await gate.point({"web": first, "admin": second})
        assert (await fetch(web)).endswith(b"web")
        assert (await fetch(admin)).endswith(b"admin")


class _Dialler(Connection):
    """A connection that only notes what became of its dial."""

    def __init__(self) -> None:
        self.failed = False

    def dial_failed(self, link: BackendLink) -> None:
        self.failed = True


async def test_a_dial_that_met_itself_failed_and_keeps_no_port() -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    address = sock.getsockname()
    sock.connect(address)
    sock.setblocking(False)
    dialler = _Dialler()
    link = BackendLink(dialler, Backend(*address))
    await asyncio.get_running_loop().connect_accepted_socket(lambda: link, sock)
    await until(lambda: dialler.failed and sock.fileno() == -1)
    with socket.socket() as backend:
        backend.bind(address)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
