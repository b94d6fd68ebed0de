"""Attached streams over a scripted engine: what no real engine does on demand."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from devbox.engine import connect, hijacked, upgrade
from devbox.engine.connections import Attached
from devbox.engine.docker import DockerEngine
from devbox.errors import Conflict, DevboxError, EngineRefused, EngineUnreachable, NotFound
from tests.contract.engine_contract import engine_threads, eventually

from .stub import Hijacker, StubEngine, echo, forever, framed, on_socket

pytestmark = pytest.mark.timeout(20)
ROUTE = "POST /containers/web/attach"
HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
MUCH = bytes(5_000_000)
PROMPT = 0.5


def writes(*pieces: bytes, stays: bool = False) -> Hijacker:
    """Writes piece by piece, then ends the connection, or never touches it again."""

    async def hijacker(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if stays:
            await forever()

    return hijacker


async def every_line(attached: Attached) -> list[str]:
    """All lines to the end."""
    lines: list[str] = []
    while (line := await attached.line()) is not None:
        lines.append(line)
    return lines


async def test_it_asks_for_the_streams_of_a_container(stub: StubEngine, engine: DockerEngine) -> None:
    stub.hijackers[ROUTE] = echo
    attached = await engine.attach("web")
    await attached.close()
    (asked,) = stub.asked(ROUTE)
    assert asked.version == stub.api_version
    assert asked.query == {"stream": "1", "stdin": "1", "stdout": "1"}
    assert (asked.headers["connection"], asked.headers["upgrade"]) == ("Upgrade", "tcp")


@pytest.mark.parametrize("size", [1, 3, 11, 10_000])
async def test_output_is_whole_wherever_it_was_cut(stub: StubEngine, engine: DockerEngine, size: int) -> None:
    frames = (framed(1, b"first\r\nsec"), framed(2, b"not this\n"), framed(1, "ond é\n\nno ".encode()))
    answer = HEAD + b"".join(frames) + framed(1, b"") + framed(1, b"end")
    stub.hijackers[ROUTE] = writes(*(answer[at : at + size] for at in range(0, len(answer), size)))
    attached = await engine.attach("web")
    assert await every_line(attached) == ["first", "second é", "", "no end"]
    assert await attached.line() is None
    await attached.close()


@pytest.mark.parametrize(
    ("answer", "error", "cause"),
    [
        (b"404 Not Found\r\nContent-Length: 23\r\n\r\n" + b'{"message": "no such "}', NotFound, "no such"),
        (b"404 Not Found\r\n\r\nNo such container: web\r\n", NotFound, "No such container: web"),
        (b"409 Conflict\r\nContent-Length: 0\r\n\r\n", Conflict, "HTTP/1.1 409 Conflict"),
        (b"500 Oh\r\ncontent-length: 3\r\n\r\n[1]", EngineRefused, "[1]"),
    ],
)
async def test_a_refusal_comes_with_its_reason(
    stub: StubEngine, engine: DockerEngine, answer: bytes, error: type[DevboxError], cause: str
) -> None:
    stub.hijackers[ROUTE] = writes(b"HTTP/1.1 ", answer[:9], answer[9:-1], answer[-1:])
    with pytest.raises(error) as raised:
        await engine.attach("web")
    assert raised.value.cause == cause


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 UPGR", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"])
async def test_what_is_no_answer(stub: StubEngine, engine: DockerEngine, answer: bytes) -> None:
    stub.hijackers[ROUTE] = writes(answer)
    with pytest.raises(EngineUnreachable):
        await engine.attach("web")


async def test_an_answer_that_does_not_come(
    stub: StubEngine, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "READ_SECONDS", 0.2)
    stub.hijackers[ROUTE] = writes(stays=True)
    with pytest.raises(EngineUnreachable, match="did not answer in time"):
        await engine.attach("web")


async def test_attaching_is_given_up_at_once(stub: StubEngine, engine: DockerEngine) -> None:
    gone = asyncio.Event()

    async def notes_the_end(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        gone.set()

    stub.hijackers[ROUTE] = notes_the_end
    attaching = asyncio.create_task(engine.attach("web"))
    await asyncio.sleep(0.1)
    assert not attaching.done()
    attaching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attaching
    async with asyncio.timeout(PROMPT):
        await gone.wait()
    assert engine_threads() == 0


async def test_closing_the_engine_ends_an_attachment_in_the_making(
    stub: StubEngine, engine: DockerEngine
) -> None:
    stub.hijackers[ROUTE] = writes(stays=True)
    attaching = asyncio.create_task(engine.attach("web"))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await engine.close()
    with pytest.raises(EngineUnreachable, match="the engine is closed"):
        await attaching
    assert time.monotonic() - began < PROMPT


async def test_output_that_breaks_off_is_no_end(stub: StubEngine, engine: DockerEngine) -> None:
    stub.hijackers[ROUTE] = writes(HEAD + framed(1, b"whole\n") + framed(1, b"not whole")[:-1])
    attached = await engine.attach("web")
    assert await attached.line() == "whole"
    assert await attached.line() == "not whol"
    with pytest.raises(EngineUnreachable, match="in the middle"):
        await attached.line()
    with pytest.raises(EngineUnreachable):
        await attached.send(b"x")
    await attached.close()


async def test_an_engine_that_dies_ends_what_waits(stub: StubEngine, socket_path: Path) -> None:
    stub.hijackers[ROUTE] = writes(HEAD, stays=True)
    async with on_socket(stub, socket_path) as address:
        engine = await connect(address)
        attached = await engine.attach("web")
        sending = asyncio.create_task(attached.send(MUCH))
        waiting = asyncio.create_task(attached.line())
        await asyncio.sleep(0.1)
        assert not sending.done()
    for task in (sending, waiting):
        with pytest.raises(EngineUnreachable):
            await task
    await attached.close()
    await engine.close()


async def test_bytes_that_nobody_takes_are_not_sent(
    stub: StubEngine, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hijacked, "READ_SECONDS", 0.2)
    stub.hijackers[ROUTE] = writes(HEAD, stays=True)
    attached = await engine.attach("web")
    with pytest.raises(EngineUnreachable, match="did not answer in time"):
        await attached.send(MUCH)
    with pytest.raises(EngineUnreachable):
        await attached.send(b"the rest of another message")
    await attached.close()


async def test_what_was_sent_has_left_this_process(stub: StubEngine, engine: DockerEngine) -> None:
    stub.hijackers[ROUTE] = writes(HEAD, stays=True)
    attached = await engine.attach("web")
    (connection,) = engine._attachments._upgrades._open
    assert connection.transport is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while True:
                await attached.send(bytes(10_000))
                assert connection.transport.get_write_buffer_size() <= 1
    await attached.close()


async def test_a_message_given_up_halfway_ends_the_input(stub: StubEngine, engine: DockerEngine) -> None:
    received = bytearray()
    proceed, ended = asyncio.Event(), asyncio.Event()

    async def reads_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await proceed.wait()
        try:
            while data := await reader.read(64 * 1024):
                received.extend(data)
        except ConnectionResetError:
            pass
        ended.set()

    stub.hijackers[ROUTE] = reads_late
    attached = await engine.attach("web")
    sending = asyncio.create_task(attached.send(MUCH))
    behind = asyncio.create_task(attached.send(b"behind it"))
    await asyncio.sleep(0.1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    with pytest.raises(EngineUnreachable):
        await behind
    proceed.set()
    await ended.wait()
    assert len(received) < len(MUCH)
    assert b"behind" not in received
    await attached.close()


async def test_messages_of_two_tasks_do_not_mix(stub: StubEngine, engine: DockerEngine) -> None:
    stub.hijackers[ROUTE] = echo
    attached = await engine.attach("web")
    letters = ["a", "b", "c"]
    await asyncio.gather(*(attached.send(f"{letter * 50_000}\n".encode() * 10) for letter in letters))
    assert [await attached.line() for _ in range(30)] == [
        letter * 50_000 for letter in letters for _ in range(10)
    ]
    await attached.close()


async def test_output_that_nobody_asks_for_stays_with_the_engine(
    stub: StubEngine, engine: DockerEngine
) -> None:
    line = b"x" * 9_999 + b"\n"
    written = 0

    async def talks(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(HEAD)
        for _ in range(1_000):
            writer.write(framed(1, line))
            await writer.drain()
            written += 1

    stub.hijackers[ROUTE] = talks
    attached = await engine.attach("web")
    await asyncio.sleep(0.3)
    assert 100 <= written < 500
    assert len(await every_line(attached)) == 1_000
    await attached.close()


async def test_closing_takes_no_time_and_wakes_who_waits(stub: StubEngine, engine: DockerEngine) -> None:
    stub.hijackers[ROUTE] = writes(HEAD, stays=True)
    attached = await engine.attach("web")
    waiting = asyncio.create_task(attached.line())
    sending = asyncio.create_task(attached.send(MUCH))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await asyncio.gather(attached.close(), attached.close())
    assert time.monotonic() - began < PROMPT
    assert await waiting is None
    with pytest.raises(DevboxError):
        await sending
    with pytest.raises(Conflict):
        await attached.send(b"x")


async def test_what_is_closed_is_forgotten(stub: StubEngine, engine: DockerEngine) -> None:
    stub.hijackers[ROUTE] = echo
    for _ in range(3):
        attached = await engine.attach("web")
        await attached.close()
    lost = await engine.attach("web")
    stub.die()
    assert await lost.line() is None

    async def none_left() -> bool:
        return not engine._attachments._upgrades._open

    await eventually(none_left)
