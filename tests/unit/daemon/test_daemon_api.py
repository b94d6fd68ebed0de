"""The control API on its socket, with nothing behind it."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import load_all_checks

from devbox.config import Config, load
from devbox.daemon.api import SOCKET, models
from devbox.daemon.api.app import application
from devbox.daemon.api.ask import ask
from devbox.daemon.api.client import Client
from devbox.daemon.api.server import control_api
from devbox.daemon.lock import make_runtime_directory
from devbox.errors import EngineUnreachable, Refused, UsageError
from devbox.events import ChangeIgnored, Event, SessionStarted, SessionStopped
from tests.unit.daemon.kit import Nothing


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield tmp_path


async def wait_for(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110 - there is nothing to be woken by
            await asyncio.sleep(0.01)


async def test_every_order_is_answered_or_refused_with_its_exit_code(root: Path) -> None:
    control, client = Nothing(), Client(root)
    async with control_api(make_runtime_directory(root), control):
        assert (await client.status()).failed == 4
        assert (await client.rebuild(models.RebuildOrder(no_cache=True, pull=False))).number == 5
        assert (await client.restart()).number == 3
        assert (await client.rollback(models.RollbackOrder(revision=1))).number == 1
        assert (await client.pause()).paused
        assert not (await client.resume()).paused
        assert (await client.wait(models.WaitOrder(timeout=1))).result == "serving"
        assert (await client.revisions()).kept == (1, 2, 3)
        await client.stop()
        assert control.stopped
        control.refusal = UsageError("there is nothing", cause="why", hint="do")
        with pytest.raises(Refused, match="there is nothing: why") as refused:
            await client.restart()
        assert (refused.value.exit_code, refused.value.hint) == (2, "do")
        control.refusal = EngineUnreachable("the engine does not answer")
        with pytest.raises(Refused) as refused:
            await client.restart()
        assert refused.value.exit_code == 3
    with pytest.raises(UsageError, match="no devbox runs"):
        await client.status()


async def test_followers_read_to_the_end_of_the_session(root: Path) -> None:
    control, client = Nothing(), Client(root)
    control.hub(SessionStarted(seq=1, project="shop", root="/", urls=(), engine="e", version="0"))
    got: list[Event] = []

    async def follow() -> None:
        async for event in client.follow():
            got.append(event)

    async with control_api(make_runtime_directory(root), control):
        await client.status()
        following = asyncio.create_task(follow())
        # Who has the past follows already.
        await wait_for(lambda: bool(got))
        control.hub(ChangeIgnored(seq=2, reason="nothing changed"))
        control.hub(SessionStopped(seq=3, reason="Ctrl-C"))
        control.hub.close()
        await asyncio.wait_for(following, 10)
    assert [event.seq for event in got] == [1, 2, 3]


async def test_server_sent_events_carry_their_number_and_kind(root: Path) -> None:
    control, directory = Nothing(), make_runtime_directory(root)
    control.hub(ChangeIgnored(seq=7, reason="nothing changed"))
    control.hub.close()
    async with control_api(directory, control):
        reader, writer = await asyncio.open_unix_connection(str(directory / SOCKET))
        writer.write(b"GET /v1/events/follow HTTP/1.0\r\nHost: d\r\nAccept: text/event-stream\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert b"text/event-stream" in said
    assert b"\r\n\r\nid: 7\nevent: change.ignored\ndata: {" in said


async def test_a_client_that_reads_nothing_keeps_nobody_from_ending(root: Path) -> None:
    control, directory = Nothing(), make_runtime_directory(root)
    async with control_api(directory, control):
        idle = socket.socket(socket.AF_UNIX)
        idle.connect(str(directory / SOCKET))
        idle.sendall(b"GET /v1/events/follow HTTP/1.0\r\nHost: d\r\n\r\n")
        assert (await ask(directory, "GET", "status"))["project"] == "shop"
        for seq in range(1, 20_000):
            control.hub(ChangeIgnored(seq=seq, reason="nothing changed" * 20))
            if not seq % 500:
                await asyncio.sleep(0)
        assert (await ask(directory, "GET", "status"))["last"] == 19_999
        control.hub.close()
    idle.close()


async def test_who_asks_for_nothing_is_hung_up_on_and_leaves_room(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_runtime_directory(root)
    async with control_api(directory, Nothing()):
        await ask(directory, "GET", "status")
        monkeypatch.setattr("devbox.daemon.api.embedded.WHOLE_WITHIN", 0.5)
        silent = []
        for number in range(100):
            silent.append(await asyncio.open_unix_connection(str(directory / SOCKET)))
            silent[-1][1].write(b"GET /v1/sta" if number % 2 else b"")
        for reader, writer in silent:
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
        monkeypatch.setattr("devbox.daemon.api.embedded.WHOLE_WITHIN", 60.0)
        assert (await ask(directory, "GET", "status"))["project"] == "shop"


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "socket"])
async def test_a_socket_that_was_removed_is_made_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr("devbox.daemon.api.server._LOOK_SECONDS", 0.01)
    control, directory = Nothing(), make_runtime_directory(root)
    got: list[Event] = []

    async def follow() -> None:
        async for event in Client(root).follow():
            got.append(event)

    async with control_api(directory, control):
        control.hub(ChangeIgnored(seq=1, reason="nothing changed"))
        following = asyncio.create_task(follow())
        await wait_for(lambda: bool(got))
        (directory / SOCKET).unlink()
        if whole:
            directory.rmdir()
            make_runtime_directory(root)
        await wait_for((directory / SOCKET).exists)
        assert (await ask(directory, "GET", "status"))["project"] == "shop"
        control.hub(SessionStopped(seq=2, reason="Ctrl-C"))
        control.hub.close()
        await asyncio.wait_for(following, 10)
    assert [event.seq for event in got] == [1, 2]
    assert not (directory / SOCKET).exists()


async def test_where_too_many_ask_at_once_that_is_said(root: Path) -> None:
    control, client, directory = Nothing(), Client(root), make_runtime_directory(root)
    async with control_api(directory, control):
        await client.status()
        many = [await asyncio.open_unix_connection(str(directory / SOCKET)) for _ in range(64)]
        with pytest.raises(Refused, match="too many programs ask devbox at once"):
            await client.status()
        with pytest.raises(Refused, match="too many programs ask devbox at once"):
            await anext(client.follow())
        for _, writer in many:
            writer.close()


async def test_a_body_without_end_is_refused_and_takes_no_memory(root: Path) -> None:
    directory = make_runtime_directory(root)
    head = b"POST /v1/rebuild HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
    async with control_api(directory, Nothing()):
        await ask(directory, "GET", "status")
        reader, writer = await asyncio.open_unix_connection(str(directory / SOCKET))
        writer.write(head + b"Content-Length: 1000000000\r\n\r\n" + b"x" * 200_000)
        said = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        writer.close()
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"/v1/rebuild" in said


async def test_half_a_body_is_waited_for_no_longer_than_its_bound(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devbox.daemon.api.bounds.WHOLE_WITHIN", 0.2)
    directory = make_runtime_directory(root)
    async with control_api(directory, Nothing()):
        await ask(directory, "GET", "status")
        reader, writer = await asyncio.open_unix_connection(str(directory / SOCKET))
        writer.write(b"POST /v1/wait HTTP/1.0\r\nHost: d\r\nContent-Length: 100\r\n\r\n{")
        said = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        writer.close()
        assert said.startswith(b"HTTP/1.1 408 ")


schema = schemathesis.openapi.from_asgi("/v1/openapi.json", application(Nothing()))
load_all_checks()


# A stream that ends with the session is followed above.
@schema.exclude(path="/v1/events/follow").parametrize()
def test_the_api_keeps_to_its_own_description(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


@pytest.fixture
def undecodable(root: Path) -> Config:
    """The settings of a folder whose name is no UTF-8."""
    folder = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))
    folder.mkdir()
    return load(folder, {}, {})


async def test_settings_with_a_path_that_is_no_utf8_are_told(root: Path, undecodable: Config) -> None:
    control = Nothing()
    control.settings = undecodable
    directory = make_runtime_directory(root)
    async with control_api(directory, control):
        told = await ask(directory, "GET", "config", within=10)
    assert told["root"] == str(undecodable.root)
