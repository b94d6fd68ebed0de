from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from devbox.errors import GateError, PortTaken, UsageError
from devbox.gate.client import GateClient

from .kit import BOUND, WITHOUT_UVLOOP, fetch, free_port, launch, naming, serving


async def test_a_taken_port_is_an_error_of_its_own(started: GateClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port 127.0.0.1:{port} is taken") as caught:
            await started.listen("web", "127.0.0.1", port)
        assert caught.value.hint
    assert await started.listen("web", "127.0.0.1", port) == port
    assert await started.listen("web", "127.0.0.1", 0) == port
    with pytest.raises(GateError, match="already"):
        await started.listen("web", "127.0.0.1", free_port())
    with pytest.raises(PortTaken):
        await started.listen("other", "127.0.0.1", port)


async def test_addresses_that_cannot_be(started: GateClient) -> None:
    for host in ("192.0.2.1", "example.invalid", "not an address"):
        with pytest.raises(UsageError, match="cannot be listened on") as caught:
            await started.listen("web", host, 0)
        assert not isinstance(caught.value, PortTaken)


async def test_a_port_this_user_may_not_open(socket_path: Path) -> None:
    prelude = """
from devbox.gate import routes
def refuse(*_):
    raise PermissionError(13, "Permission denied")
routes.open_listener = refuse
"""
    client = await launch(socket_path, prelude)
    with pytest.raises(UsageError, match="may not be opened") as caught:
        await client.listen("web", "127.0.0.1", 80)
    assert "1024" in caught.value.hint
    await client.stop()


async def test_ipv6(started: GateClient) -> None:
    try:
        port = await started.listen("web", "::1", 0)
    except UsageError:
        pytest.skip("this machine has no IPv6 loopback")
    async with serving(naming("six")) as backend:
        await started.point({"web": backend})
        reader, writer = await asyncio.open_connection("::1", port)
        writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), BOUND)).endswith(b"six")
        writer.close()
    assert await started.listen("both", "127.0.0.1", port) == port


async def test_unlisten_lets_held_clients_go_and_served_ones_stay(started: GateClient) -> None:
    port = await started.listen("web", "127.0.0.1", 0)
    async with serving(naming("one")) as backend:
        await started.point({"web": backend})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.readexactly(19) == b"HTTP/1.1 200 OK\r\nCo"
        await started.unlisten("web")
        assert (await started.hello()).routes == ()
        with pytest.raises(ConnectionRefusedError):
            await fetch(port)
        writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), BOUND)).endswith(b"one")
        writer.close()
    with pytest.raises(GateError, match="refused"):
        await started.unlisten("web")


@pytest.mark.parametrize("prelude", ["", WITHOUT_UVLOOP], ids=["uvloop", "asyncio"])
async def test_short_of_descriptors_clients_wait_and_are_served(socket_path: Path, prelude: str) -> None:
    prelude += "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"
    gate = await launch(socket_path, prelude)
    port = await gate.listen("web", "127.0.0.1", 0)
    async with serving(naming("one")) as backend:
        await gate.point({"web": backend})
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        answers = await asyncio.gather(*(fetch(port) for _ in range(150)))
        assert all(answer.endswith(b"one") for answer in answers)
        assert (await gate.hello()).routes[0].accepted == 160
        for _, writer in idle:
            writer.close()
    await gate.stop()


@pytest.mark.parametrize("prelude", ["", WITHOUT_UVLOOP], ids=["uvloop", "asyncio"])
async def test_out_of_descriptors_it_keeps_going(socket_path: Path, prelude: str) -> None:
    """As above, with more clients admitted than there are descriptors for, so that accept and dial fail."""
    prelude += (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "from devbox.gate import listener; listener.RESERVED_DESCRIPTORS = -200\n"
    )
    gate = await launch(socket_path, prelude)
    port = await gate.listen("web", "127.0.0.1", 0, hold=1.0)
    async with serving(naming("one")) as backend:
        await gate.point({"web": backend})
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        await asyncio.sleep(0.2)
        assert (await gate.hello()).pid == gate.pid
        for _, writer in idle:
            writer.close()
        assert (await fetch(port)).endswith(b"one")
    await gate.stop()
