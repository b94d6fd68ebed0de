from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from devbox.engine import connect, docker
from devbox.engine.docker import DockerEngine
from devbox.engine.values import SessionOffer
from devbox.errors import EngineRefused, EngineUnreachable
from tests.contract.engine_contract import engine_threads

from .stub import Request, StubEngine, echo, forever, on_socket, on_tcp, says

VERSION = {"Version": "28.5.0", "ApiVersion": "1.51"}
INFO = {"Driver": "overlay2", "OSType": "linux"}

# What ssh does for us, without ssh: its own streams become a connection to the engine.
_SSH = """#!{python}
import os, socket, sys, threading
with open({record!r}, "a") as record: print(*sys.argv[1:], file=record)
engine = socket.socket(socket.AF_UNIX)
engine.connect({socket!r})
def up():
    while data := os.read(0, 65536): engine.sendall(data)
    engine.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := engine.recv(65536): os.write(1, data)
"""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No docker configuration of this machine's user."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub() -> StubEngine:
    return StubEngine(
        routes={"GET /version": says(VERSION), "GET /info": says(INFO)},
        hijackers={"POST /containers/web/attach": echo, "POST /session": calls_back},
    )


@pytest.mark.parametrize(
    ("offered", "spoken"), [("1.41", "1.41"), ("1.51", "1.51"), ("1.60", "1.51"), ("2.0", "1.51")]
)
async def test_the_newest_api_that_both_speak(
    stub: StubEngine, socket_path: Path, offered: str, spoken: str
) -> None:
    stub.api_version = offered
    async with on_socket(stub, socket_path) as address:
        engine = await connect(address)
        await engine.info()
        await engine.close()
    assert {request.version for request in stub.requests if request.path != "/_ping"} == {spoken}


async def test_an_engine_that_is_too_old(stub: StubEngine, socket_path: Path) -> None:
    stub.api_version = "1.9"
    async with on_socket(stub, socket_path) as address:
        with pytest.raises(EngineRefused, match=r"1\.24"):
            await connect(address)


async def test_an_authority_that_is_not_trusted(
    stub: StubEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificates(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    (tmp_path / "other").mkdir()
    make_certificates(tmp_path / "other")
    async with on_tcp(stub, server) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "other"))
        with pytest.raises(EngineUnreachable, match="no trust") as raised:
            await connect()
    assert "DOCKER_CERT_PATH" in raised.value.hint


async def test_over_tcp(stub: StubEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_tcp(stub) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        engine = await connect()
        info = await engine.info()
        await streams_carry(engine)
        await engine.close()
    assert (info.address, info.publish_host, info.reaches_containers) == (address, "127.0.0.1", False)


async def test_over_tls_with_certificates(
    stub: StubEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificates(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with on_tcp(stub, server) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
        engine = await connect()
        assert (await engine.info()).version == "28.5.0"
        stub.routes["POST /containers/web/wait"] = lambda *_: forever()
        stub.routes["GET /containers/web/json"] = says({"State": {"Status": "running"}})
        await cancelled_promptly(engine.wait("web"))
        await streams_carry(engine)
        await engine.close()


async def test_over_ssh(
    stub: StubEngine, socket_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record"
    ssh = tmp_path / "ssh"
    ssh.write_text(_SSH.format(python=sys.executable, record=str(record), socket=str(socket_path)))
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    async with on_socket(stub, socket_path):
        engine = await connect("ssh://me@big:2222")
        info = await engine.info()
        assert (info.version, info.reaches_containers) == ("28.5.0", False)
        stub.routes["POST /containers/web/wait"] = lambda *_: forever()
        stub.routes["GET /containers/web/json"] = says({"State": {"Status": "running"}})
        await cancelled_promptly(engine.wait("web"))
        await streams_carry(engine)
        await engine.close()
    assert record.read_text().splitlines()[0].endswith("-l me -p 2222 -- big docker system dial-stdio")
    assert psutil.Process().children() == []


async def test_an_ssh_that_cannot_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'ssh: Could not resolve hostname big' >&2\nexit 255\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(EngineUnreachable) as raised:
        await connect("ssh://big")
    assert "Could not resolve hostname big" in raised.value.cause


async def test_no_ssh_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnreachable):
        await connect("ssh://big")


async def test_nothing_listens_at_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devbox.engine.address._usual_sockets", lambda *_: (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(EngineUnreachable, match=str(tmp_path / "a")) as raised:
        await connect()
    assert "start Docker" in raised.value.hint
    assert engine_threads() == 0


async def test_the_first_usual_socket_that_answers(
    stub: StubEngine, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "devbox.engine.address._usual_sockets", lambda *_: (socket_path.parent / "nobody", socket_path)
    )
    async with on_socket(stub, socket_path) as address:
        engine = await connect()
        assert (await engine.info()).address == address
        await engine.close()


async def test_an_engine_that_says_nothing(
    stub: StubEngine, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_INFO_SECONDS", 0.2)
    async with on_socket(stub, socket_path) as address:
        engine = await connect(address)
        stub.routes["GET /info"] = lambda *_: forever()
        began = time.monotonic()
        with pytest.raises(EngineUnreachable) as raised:
            await engine.info()
        assert time.monotonic() - began < 0.5
        assert raised.value.hint
        await engine.close()


async def test_an_engine_that_went_and_came_back(stub: StubEngine, socket_path: Path) -> None:
    async with on_socket(stub, socket_path) as address:
        engine = await connect(address)
        await engine.info()
    with pytest.raises(EngineUnreachable):
        await engine.info()
    async with on_socket(stub, socket_path):
        assert (await engine.info()).version == "28.5.0"
    await engine.close()


async def test_a_hundred_calls_at_once(stub: StubEngine, socket_path: Path) -> None:
    async def named(request: Request, writer: asyncio.StreamWriter) -> None:
        name = request.path.split("/")[2]
        await asyncio.sleep(0.01)
        await says({"Id": name, "Name": f"/{name}"})(request, writer)

    for number in range(100):
        stub.routes[f"GET /containers/web-{number}/json"] = named
    async with on_socket(stub, socket_path) as address:
        engine = await connect(address)
        found = await asyncio.gather(*(engine.container(f"web-{number}") for number in range(100)))
        await engine.close()
    assert [facts.name for facts in found if facts] == [f"web-{number}" for number in range(100)]
    assert engine_threads() == 0


async def streams_carry(engine: DockerEngine) -> None:
    """What is sent comes back whole, little or much, and streams end in order or with the engine."""
    attached = await engine.attach("web")
    await attached.send(b"little\n")
    assert await attached.line() == "little"
    much = [f"{number:06}" * 1_000 for number in range(800)]
    await attached.send("".join(f"{line}\n" for line in much).encode())
    assert [await attached.line() for _ in much] == much
    began = time.monotonic()
    await attached.close()
    assert time.monotonic() - began < 0.5
    assert await attached.line() is None
    await engine.attach("web")
    await session_carries(engine)
    assert engine_threads() == 0


async def calls_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Turns the connection round, says hello, and ends it when it hears so."""
    writer.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nhello")
    await reader.readexactly(len(b"goodbye"))


class Greeted(asyncio.Protocol):
    """Says goodbye once it has heard hello."""

    def __init__(self) -> None:
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if self.heard == b"hello":
            self.transport.write(b"goodbye")


async def session_carries(engine: DockerEngine) -> None:
    """The engine's first words come, ours reach it, and its end is the session's."""
    served = Greeted()
    session = await engine.session(SessionOffer("1", "test", ("/a/b", "/a/c")), served)
    async with asyncio.timeout(5):
        await session.ended()
    assert served.heard == b"hello"
    await session.close()


async def cancelled_promptly(work: object) -> None:
    """Cancels a call that would wait forever; it ends at once and leaves no thread."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload] # any awaitable
    await asyncio.sleep(0.3)
    assert not task.done()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.2
    assert engine_threads() == 0


def make_certificates(folder: Path) -> None:
    """A certificate for 127.0.0.1 that vouches for itself, under the names the docker CLI uses."""
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key.pem -out cert.pem"
    )
    extensions = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "keyUsage=digitalSignature,keyCertSign",
    ]
    subprocess.run([*command.split(), *extensions], cwd=folder, check=True, capture_output=True)
    (folder / "ca.pem").write_bytes((folder / "cert.pem").read_bytes())
