from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devbox.gate.client import GateClient, connect, end, start

from .kit import WITHOUT_UVLOOP, spawn


@pytest.fixture
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path, as sockets want them."""
    return tmp_path_factory.mktemp("g") / "gate.sock"


@pytest.fixture(scope="session", params=["", WITHOUT_UVLOOP], ids=["uvloop", "asyncio"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a gate that runs, once on each event loop it can run on."""
    path = tmp_path_factory.mktemp("g") / "gate.sock"
    asyncio.run(spawn(path, request.param))
    try:
        yield path
    finally:
        asyncio.run(end(path))
        assert path.with_suffix(".log").read_text() == ""


@pytest.fixture
async def gate(running: Path) -> AsyncIterator[GateClient]:
    """A gate without routes."""
    client = await connect(running)
    assert client is not None
    try:
        yield client
    finally:
        for route in (await client.hello()).routes:
            await client.unlisten(route.name)
        await client.refuse("")
        await client.close()


@pytest.fixture
async def started(socket_path: Path) -> AsyncIterator[GateClient]:
    """A gate as the daemon starts it."""
    client = await start(socket_path, socket_path.with_suffix(".log"))
    try:
        yield client
    finally:
        await client.close()
        await end(socket_path)
