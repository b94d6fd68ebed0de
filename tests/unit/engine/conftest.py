from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devbox.engine import connect
from devbox.engine.docker import DockerEngine

from .stub import StubEngine, on_socket


@pytest.fixture
def stub() -> StubEngine:
    """A scripted Engine API, not yet listening."""
    return StubEngine()


@pytest.fixture
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path, as sockets want them."""
    return tmp_path_factory.mktemp("e") / "e.sock"


@pytest.fixture
async def engine(stub: StubEngine, socket_path: Path) -> AsyncIterator[DockerEngine]:
    """The real adapter, connected to the stub."""
    async with on_socket(stub, socket_path) as address:
        engine = await connect(address)
        yield engine
        await engine.close()
