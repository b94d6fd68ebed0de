"""Build sessions over a scripted engine: how they are asked for, and what no real engine does on demand."""

from __future__ import annotations

import asyncio

import pytest

from devbox.engine import upgrade
from devbox.engine.docker import DockerEngine
from devbox.engine.values import SessionOffer
from devbox.errors import DevboxError, EngineRefused, EngineUnreachable, NotFound
from tests.contract.engine_contract import Served, engine_threads, eventually

from .stub import Hijacker, StubEngine, forever

pytestmark = pytest.mark.timeout(20)
ROUTE = "POST /session"
HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
OFFER = SessionOffer("an-id", "devbox", ("/a.B/C", "/d.E/F"), shared_key="key")


def says(*pieces: bytes) -> Hijacker:
    """Writes piece by piece, and leaves."""

    async def hijacker(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return hijacker


class Hears(Served):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_session_offers_itself_and_hears_every_byte(
    stub: StubEngine, engine: DockerEngine, size: int
) -> None:
    answer = HEAD + b"PRI * HTTP/2.0"
    stub.hijackers[ROUTE] = says(*(answer[at : at + size] for at in range(0, len(answer), size)))
    served = Hears()
    session = await engine.session(OFFER, served)
    async with asyncio.timeout(5):
        await session.ended()
    assert served.heard == b"PRI * HTTP/2.0"
    assert served.lost.is_set()
    (asked,) = stub.asked(ROUTE)
    assert asked.version == stub.api_version
    expected = {
        "connection": "Upgrade",
        "upgrade": "h2c",
        "x-docker-expose-session-uuid": "an-id",
        "x-docker-expose-session-name": "devbox",
        "x-docker-expose-session-sharedkey": "key",
        # One line for each method: the stub keeps the last.
        "x-docker-expose-session-grpc-method": "/d.E/F",
    }
    assert expected.items() <= asked.headers.items()
    assert engine_threads() == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", NotFound),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", EngineRefused),
        (b"HTTP/1.1 101 UPGR", EngineUnreachable),
        (b"", EngineUnreachable),
    ],
)
async def test_an_engine_without_sessions(
    stub: StubEngine, engine: DockerEngine, answer: bytes, error: type[DevboxError]
) -> None:
    stub.hijackers[ROUTE] = says(answer)
    served = Hears()
    with pytest.raises(error, match="cannot open a build session"):
        await engine.session(OFFER, served)
    assert served.transport is None

    async def none_left() -> bool:
        return not engine._handovers._upgrades._open

    await eventually(none_left)


async def test_an_answer_that_does_not_come(
    stub: StubEngine, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "READ_SECONDS", 0.2)
    stub.hijackers[ROUTE] = lambda *_: forever()
    with pytest.raises(EngineUnreachable, match="did not answer in time"):
        await engine.session(OFFER, Hears())
