from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from devbox.errors import GateError, UsageError
from devbox.gate import lock, wire
from devbox.gate.client import GateClient, connect, end, start
from devbox.model import Backend

from .kit import BOUND, alive, echo, fetch, launch, naming, serving, spawn, until


async def test_no_gate_no_client(socket_path: Path) -> None:
    assert await connect(socket_path) is None
    assert await end(socket_path) is False


async def test_a_gate_is_started_once(started: GateClient) -> None:
    log = started.path.with_suffix(".log")
    again = await start(started.path, log)
    assert again.pid == started.pid
    await again.close()
    assert stat.S_IMODE(started.path.stat().st_mode) == 0o600
    assert os.getsid(started.pid) != os.getsid(0)
    assert log.read_text() == ""


async def test_two_starts_at_once_agree_on_one_gate(socket_path: Path) -> None:
    results = await asyncio.gather(
        *(start(socket_path, socket_path.with_suffix(f".{n}.log")) for n in range(3)), return_exceptions=True
    )
    clients = [result for result in results if isinstance(result, GateClient)]
    assert clients
    assert len({client.pid for client in clients}) == 1
    for client in clients:
        await client.close()
    await end(socket_path)


@pytest.fixture
def bare_modules() -> set[str]:
    """What an interpreter that has imported only uvloop has loaded."""
    code = "import sys, uvloop; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True, timeout=20).split())


async def test_the_gate_loads_little(socket_path: Path, bare_modules: set[str]) -> None:
    out = socket_path.with_suffix(".modules")
    report = (
        "import atexit, sys, pathlib\n"
        f"atexit.register(lambda: pathlib.Path({str(out)!r}).write_text(' '.join(sys.modules)))\n"
    )
    client = await launch(socket_path, report)
    out.unlink(missing_ok=True)
    await client.stop()
    await until(lambda: out.exists() and out.read_text() != "")
    loaded = out.read_text().split()
    foreign = {name.split(".")[0] for name in {*loaded} - bare_modules} - sys.stdlib_module_names
    assert foreign == {"devbox", "httptools"}
    assert not {"devbox.errors", "devbox.gate.client"} & {*loaded}


async def test_stop_frees_the_port_and_leaves_no_process(started: GateClient) -> None:
    port = await started.listen("web", "127.0.0.1", 0)
    held = asyncio.create_task(fetch(port))
    await asyncio.sleep(0.05)
    await started.stop()
    assert await held == b""
    await until(lambda: not alive(started.pid))
    assert not started.path.exists()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
    with pytest.raises(GateError):
        await started.hello()


async def test_signals_of_the_terminal_do_not_end_it_but_term_does(started: GateClient) -> None:
    for harmless in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        os.kill(started.pid, harmless)
    assert (await started.hello()).pid == started.pid
    os.kill(started.pid, signal.SIGTERM)
    await asyncio.wait_for(started.lost(), BOUND)
    await until(lambda: not alive(started.pid))
    assert not started.path.exists()


async def test_it_outlives_the_killed_daemon(socket_path: Path) -> None:
    daemon = textwrap.dedent(f"""
        import asyncio, pathlib, time
        from devbox.gate.client import start
        from devbox.model import Backend

        async def main(backend_port):
            path = pathlib.Path({str(socket_path)!r})
            client = await start(path, path.with_suffix(".log"))
            port = await client.listen("web", "127.0.0.1", 0)
            await client.point({{"web": Backend("127.0.0.1", backend_port)}})
            print(port, flush=True)
            await asyncio.sleep(60)

        import sys
        asyncio.run(main(int(sys.argv[1])))
    """)
    async with serving(naming("one")) as first, serving(naming("two")) as second:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", daemon, str(first.port)), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), BOUND))
        process.kill()
        await process.wait()
        assert (await fetch(port)).endswith(b"one")
        client = await connect(socket_path)
        assert client is not None
        route = (await client.hello()).routes[0]
        assert (route.name, route.port, route.backend) == ("web", port, first)
        assert await client.listen("web", "127.0.0.1", port) == port
        await client.point({"web": second})
        assert (await fetch(port)).endswith(b"two")
        await client.stop()


async def test_a_killed_gate_leaves_nothing_in_the_way(socket_path: Path) -> None:
    log = socket_path.with_suffix(".log")
    client = await start(socket_path, log)
    os.kill(client.pid, signal.SIGKILL)
    await asyncio.wait_for(client.lost(), BOUND)
    with pytest.raises(GateError, match="gone"):
        await client.hello()
    await client.close()
    await until(lambda: lock.holder(socket_path) is None)
    assert await connect(socket_path) is None
    await until(lambda: not socket_path.exists())
    again = await start(socket_path, log)
    await again.stop()


async def test_a_wedged_gate_is_an_error_in_time_and_can_be_ended(
    started: GateClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devbox.gate.client.ANSWER_SECONDS", 0.2)
    os.kill(started.pid, signal.SIGSTOP)
    with pytest.raises(GateError, match="does not answer") as caught:
        await connect(started.path)
    assert "devbox down" in caught.value.hint
    assert await end(started.path) is True
    await until(lambda: not alive(started.pid))
    assert not started.path.exists()


async def test_a_gate_that_cannot_be_reached_is_said_to_be_there(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devbox.gate.client.ANSWER_SECONDS", 0.2)
    await spawn(socket_path, "import devbox.gate.__main__ as gate\ngate.LOOK_SECONDS = 1000")
    pid = lock.holder(socket_path)
    assert pid
    await asyncio.to_thread(socket_path.unlink)
    with pytest.raises(GateError, match=f"pid {pid}"):
        await connect(socket_path)
    assert await end(socket_path) is True
    await until(lambda: not alive(pid))


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "socket"])
async def test_what_leads_to_a_gate_is_made_anew_where_it_was_removed(
    socket_path: Path, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devbox.gate.client.ANSWER_SECONDS", BOUND)
    path = socket_path.parent / "project" / "gate.sock"
    path.parent.mkdir()
    first = await start(path, socket_path.with_suffix(".log"))
    port = await first.listen("web", "127.0.0.1", 0)
    if whole:
        shutil.rmtree(path.parent)
        await until(path.exists)
    else:
        path.unlink()
    again = await connect(path)
    assert again is not None
    assert again.pid == first.pid == lock.holder(path)
    assert [route.port for route in (await again.hello()).routes] == [port]
    # Who was connected stays so.
    assert (await first.hello()).pid == again.pid
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == (0 if whole else 0o055)
    await first.close()
    await again.close()
    assert await end(path) is True
    await until(lambda: not alive(again.pid))
    assert not path.exists()


async def test_a_gate_of_another_version_is_told_apart_and_can_be_ended(socket_path: Path) -> None:
    await spawn(socket_path, "from devbox.gate import wire\nwire.VERSION = 99")
    with pytest.raises(GateError, match="another devbox") as caught:
        await start(socket_path, socket_path.with_suffix(".log"))
    assert caught.value.hint == "run `devbox down`, then `devbox up`"
    assert await end(socket_path) is True
    assert lock.holder(socket_path) is None


async def test_a_path_too_long_for_a_socket_is_said_early(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too long"):
        await start(tmp_path / ("x" * 120), tmp_path / "log")


async def test_a_gate_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(GateError) as caught:
        await start(tmp_path / "nowhere" / "gate.sock", tmp_path / "log")
    assert "FileNotFoundError" in caught.value.cause


async def test_garbage_on_the_control_socket_changes_nothing(started: GateClient) -> None:
    port = await started.listen("web", "127.0.0.1", 0)
    garbage = [b"\n", b"hello\n", b"[]\n", b'{"id":1}\n', b'{"id":1,"do":"fly"}\n', b"\xff\xfe\x00\n"]
    reader, writer = await asyncio.open_unix_connection(started.path)
    for line in garbage:
        writer.write(line)
        answer = json.loads(await asyncio.wait_for(reader.readline(), BOUND))
        assert answer["error"]["code"] == "request"
    writer.write(wire.encode_request(5, wire.Hello()))
    assert json.loads(await asyncio.wait_for(reader.readline(), BOUND))["id"] == 5
    writer.write(b"x" * (wire.LINE_BYTES * 3))
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), BOUND) == b""
    writer.close()
    assert (await started.hello()).routes[0].port == port


async def test_a_control_client_that_vanishes_leaves_the_gate_alone(started: GateClient) -> None:
    await started.listen("web", "127.0.0.1", 0)
    async with serving(naming("one")) as backend:
        await started.point({"web": backend})
        for last in (
            wire.encode_request(1, wire.Drain((backend,), 5, 60, True)),
            wire.encode_request(1, wire.Hello())[:-5],
            wire.encode_request(1, wire.Hello()) * 50,
        ):
            _, writer = await asyncio.open_unix_connection(started.path)
            writer.write(last)
            await writer.drain()
            writer.transport.abort()
        assert (await started.hello()).routes[0].backend == backend
    assert started.path.with_suffix(".log").read_text() == ""


async def test_requests_overtake_a_drain(started: GateClient) -> None:
    port = await started.listen("web", "127.0.0.1", 0)
    async with serving(echo) as first:
        await started.point({"web": first})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"not HTTP/1\n")
        await reader.readexactly(10)
        draining = asyncio.create_task(started.drain([first], quiet=30, bound=30))
        await asyncio.sleep(0.02)
        await started.point({"web": Backend("127.0.0.1", 1)})
        assert not draining.done()
        writer.close()
        assert (await draining).remaining == 0


def test_the_program_wants_one_short_path() -> None:
    for arguments in ([], ["a", "b"], ["x" * 200]):
        ran = subprocess.run(
            [sys.executable, "-m", "devbox.gate", *arguments], capture_output=True, timeout=20, check=False
        )
        assert ran.returncode == 2
        assert b"usage" in ran.stderr
