"""When a container counts as ready, and what is said of one that does not become it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import pytest

from devbox.engine.fake import Behaviour, FakeEngine
from devbox.engine.values import ContainerFacts, ExecResult, LogLine
from devbox.errors import Conflict, EngineUnreachable, StartFailed
from devbox.healthcheck import health_command
from devbox.model import Backend, PortMapping
from devbox.release import dial, probe
from devbox.release.probe import Readiness, backends, log_tail, must_speak, wait_ready

from .kit import INFO, PORT, PUBLISHED, SERVES, SILENT, answering, http, serving, started

TABLE = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
ON_LOOPBACK = f"   0: 0100007F:{PORT:04X} 00000000:0000 0A 00000000:00000000"
ELSEWHERE = "   0: 00000000:1F41 00000000:0000 0A 00000000:00000000"


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    await engine.close()


async def becomes_ready(engine: FakeEngine, container: str, readiness: Readiness) -> None:
    facts = await wait_ready(engine, container, INFO, readiness)
    assert (facts.id, facts.running) == (container, True)


async def refused(engine: FakeEngine, container: str, readiness: Readiness) -> StartFailed:
    with pytest.raises(StartFailed) as caught:
        await wait_ready(engine, container, INFO, readiness)
    return caught.value


@pytest.mark.parametrize(
    ("command", "speaks"),
    [
        (("uvicorn", "main:app"), False),
        (("fastapi", "run"), False),
        (("uvicorn", "main:app", "--workers", "2"), True),
        (("fastapi", "run", "--workers=2"), True),
        (("python", "-m", "flask", "run"), False),
        (("hypercorn", "main:app"), False),
        (("gunicorn", "main:app"), True),
        (("gunicorn", "-k", "uvicorn.workers.UvicornWorker", "main:app"), True),
        (("python", "main.py"), True),
        ((), True),
    ],
)
def test_an_open_port_is_not_enough_for_everybody(command: tuple[str, ...], speaks: bool) -> None:
    assert must_speak(command) is speaks


def test_backends_are_the_containers_own_address_or_where_it_is_published() -> None:
    published = {"80/tcp": (Backend("0.0.0.0", 32768), Backend("::", 32768)), "53/udp": (Backend("", 1),)}
    facts = ContainerFacts("c", "n", "i", "running", address="172.17.0.2", published=published)
    assert backends(facts, (80, 81), INFO) == {80: Backend("172.17.0.2", 80), 81: Backend("172.17.0.2", 81)}
    assert backends(facts, (80, 81, 53), PUBLISHED) == {80: Backend("127.0.0.1", 32768)}


async def test_an_open_port_is_ready(engine: FakeEngine) -> None:
    container, _ = await started(engine, SERVES)
    await becomes_ready(engine, container, Readiness(PORT))


async def test_a_published_port_is_ready(engine: FakeEngine) -> None:
    container, _ = await started(engine, SERVES, ports=(PortMapping("127.0.0.1", 0, PORT),))
    await wait_ready(engine, container, PUBLISHED, Readiness(PORT))


async def test_a_port_that_opens_late_is_noticed_at_once(engine: FakeEngine) -> None:
    container, host = await started(engine, SILENT)
    waiting = asyncio.create_task(wait_ready(engine, container, INFO, Readiness(PORT)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    async with serving(host, answering(http(200))):
        began = time.monotonic()
        await waiting
        assert time.monotonic() - began < 0.5


class Proxied(FakeEngine):
    """Has every container published on one port of this machine."""

    port = 0

    async def container(self, container: str) -> ContainerFacts | None:
        facts = await super().container(container)
        return facts and replace(facts, published={f"{PORT}/tcp": (Backend("0.0.0.0", self.port),)})


async def test_a_proxy_that_hangs_up_is_no_application() -> None:
    """Docker's proxy accepts before the application listens."""
    hung_up = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal hung_up
        hung_up += 1
        writer.close()

    engine = Proxied()
    container, _ = await started(engine, SILENT)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    engine.port = server.sockets[0].getsockname()[1]
    with pytest.raises(StartFailed, match="was not ready"):
        await wait_ready(engine, container, PUBLISHED, Readiness(PORT, timeout=0.3))
    assert hung_up > 1
    server.close()
    await engine.close()


async def test_a_health_path_must_answer_well(engine: FakeEngine) -> None:
    container, host = await started(engine, SILENT)
    answers = answering(b"", http(500), b"not http at all\r\n", http(404), http(302))
    async with serving(host, answers):
        await becomes_ready(engine, container, Readiness(PORT, health_path="/health"))


@pytest.mark.parametrize("status", [200, 204, 301, 399])
async def test_a_good_status(engine: FakeEngine, status: int) -> None:
    container, host = await started(engine, SILENT)
    async with serving(host, answering(http(status))):
        await becomes_ready(engine, container, Readiness(PORT, health_path="/health"))


async def test_a_health_path_that_never_answers_well_is_told(engine: FakeEngine) -> None:
    container, _ = await started(engine, Behaviour(port=PORT, status=503, log=("starting",)))
    error = await refused(engine, container, Readiness(PORT, health_path="/health", timeout=0.2))
    assert error.what == "was not ready within 0.2s"
    assert error.cause == "GET /health answered 503"
    assert "start_timeout" in error.hint
    assert error.log == ("starting",)


async def test_a_health_path_is_asked_as_a_client_would(engine: FakeEngine) -> None:
    container, host = await started(engine, SILENT)
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http(200))

    async with serving(host, serve):
        await wait_ready(engine, container, INFO, Readiness(PORT, health_path="/health?deep=1"))
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "GET /health?deep=1 HTTP/1.1"
    assert f"Host: {host}:{PORT}" in lines
    assert "Connection: close" in lines


@pytest.mark.parametrize(
    ("test", "command"),
    [
        (("CMD-SHELL", "curl -f localhost"), ("/bin/sh", "-c", "curl -f localhost")),
        (("CMD", "check", "--fast"), ("check", "--fast")),
    ],
)
async def test_a_healthcheck_must_succeed(
    engine: FakeEngine, test: tuple[str, ...], command: tuple[str, ...]
) -> None:
    bad = Behaviour(port=PORT, executes={command: ExecResult(1, "no route\n")})
    container, _ = await started(engine, bad)
    error = await refused(engine, container, Readiness(PORT, healthcheck=test, timeout=0.2))
    assert error.cause == "HEALTHCHECK ended with status 1: no route"
    good, _ = await started(engine, SERVES, name="devbox-shop-r2")
    await becomes_ready(engine, good, Readiness(PORT, healthcheck=test))


async def test_a_healthcheck_of_none_is_none(engine: FakeEngine) -> None:
    container, _ = await started(engine, SERVES)
    await wait_ready(engine, container, INFO, Readiness(PORT, healthcheck=("NONE",)))
    assert not any(entry.startswith("exec") for entry in engine.journal)


async def test_a_health_path_counts_before_a_healthcheck(engine: FakeEngine) -> None:
    container, _ = await started(engine, Behaviour(port=PORT, executes={("false",): ExecResult(1, "")}))
    ready = Readiness(PORT, health_path="/", healthcheck=("CMD", "false"))
    await becomes_ready(engine, container, ready)


async def test_one_that_listens_before_it_answers_is_ready_when_it_answers(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "ANSWER_BOUND", 0.1)
    container, host = await started(engine, SILENT)
    loaded = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await loaded.wait()
        writer.write(http(404))

    async with serving(host, serve):
        waiting = asyncio.create_task(wait_ready(engine, container, INFO, Readiness(PORT, speak=True)))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        loaded.set()
        await asyncio.wait_for(waiting, 1.0)


async def test_one_that_never_answers_is_told(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "ANSWER_BOUND", 0.05)
    container, host = await started(engine, SILENT)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(host, serve):
        error = await refused(engine, container, Readiness(PORT, speak=True, timeout=0.2))
    assert error.cause == "the port is open, but no HTTP answer comes"


async def test_an_exit_is_noticed_at_once(engine: FakeEngine) -> None:
    container, _ = await started(engine, SILENT)
    began = time.monotonic()
    waiting = asyncio.create_task(refused(engine, container, Readiness(PORT)))
    await asyncio.sleep(0.02)
    await engine.say(container, "Traceback", "stderr")
    await engine.end(container, 3)
    error = await waiting
    assert time.monotonic() - began < 0.5
    assert (error.what, error.exit_status, error.log) == ("exited with status 3", 3, ("Traceback",))


async def test_an_exit_before_the_first_look_is_an_exit(engine: FakeEngine) -> None:
    container, _ = await started(engine, Behaviour(port=PORT, exits=1, log=("ImportError: no module",)))
    error = await refused(engine, container, Readiness(PORT))
    assert (error.exit_status, error.log) == (1, ("ImportError: no module",))


async def test_memory_is_named_where_it_was_the_reason(engine: FakeEngine) -> None:
    container, _ = await started(engine, Behaviour(port=PORT, exits=137, out_of_memory=True), memory=64 << 20)
    error = await refused(engine, container, Readiness(PORT))
    assert error.what == "was killed: out of memory (limit 64 MB)"
    assert "memory" in error.hint


async def test_one_that_is_removed_is_told(engine: FakeEngine) -> None:
    container, _ = await started(engine, SILENT)
    waiting = asyncio.create_task(refused(engine, container, Readiness(PORT)))
    await asyncio.sleep(0.02)
    await engine.remove_container(container)
    error = await waiting
    assert "removed" in error.what or "exited" in error.what
    assert (await refused(engine, "no-such-id", Readiness(PORT))).what == "was removed while it started"


async def test_an_end_during_a_healthcheck_is_an_exit(engine: FakeEngine) -> None:
    class Ending(FakeEngine):
        async def exec(
            self, container: str, command: tuple[str, ...], bound: float, user: str = ""
        ) -> ExecResult:
            asyncio.get_running_loop().call_later(
                0.02, lambda: ends.append(asyncio.ensure_future(self.end(container, 4)))
            )
            raise Conflict("it is not running")

    ends: list[asyncio.Task[None]] = []
    ending = Ending()
    container, _ = await started(ending, SERVES)
    error = await refused(ending, container, Readiness(PORT, healthcheck=("CMD", "x")))
    assert error.what == "exited with status 4"
    await ending.close()


async def test_an_engine_that_goes_away_is_not_the_applications_fault(engine: FakeEngine) -> None:
    container, _ = await started(engine, SILENT)
    waiting = asyncio.create_task(wait_ready(engine, container, INFO, Readiness(PORT)))
    await asyncio.sleep(0.02)
    engine.lose()
    with pytest.raises(EngineUnreachable):
        await waiting
    assert await log_tail(engine, container) == ()


async def test_what_nobody_can_reach_is_told_early(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_DIAGNOSE_EVERY", 0.1)
    container, _ = await started(
        engine, Behaviour(port=PORT, listens=False, executes={TABLE: ExecResult(0, ON_LOOPBACK)})
    )
    began = time.monotonic()
    error = await refused(engine, container, Readiness(PORT, timeout=30))
    assert time.monotonic() - began < 2
    assert error.what == "is not reachable"
    assert f"127.0.0.1:{PORT}" in error.cause
    assert "--host 0.0.0.0" in error.hint


async def test_one_that_listens_elsewhere_gets_time_for_it_may_be_a_debugger(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_DIAGNOSE_EVERY", 0.05)
    monkeypatch.setattr(probe, "_ELSEWHERE_FOR_GOOD", 0.4)
    elsewhere = Behaviour(port=PORT, listens=False, executes={TABLE: ExecResult(0, ELSEWHERE)})
    container, host = await started(engine, elsewhere)
    waiting = asyncio.create_task(wait_ready(engine, container, INFO, Readiness(PORT)))
    await asyncio.sleep(0.2)
    async with serving(host, answering(http(200))):
        await waiting
    other, _ = await started(engine, elsewhere, name="devbox-shop-r2")
    error = await refused(engine, other, Readiness(PORT))
    assert error.cause == f"the application listens on port 8001, not on {PORT}"


@pytest.mark.parametrize(
    ("table", "guess", "ready"),
    [
        (HEADING, True, True),
        (HEADING, False, False),
        (f"{HEADING}\n{ELSEWHERE}", True, False),
        ("cat: not found", True, False),
    ],
)
async def test_a_worker_need_only_run_where_nothing_says_that_it_has_a_port(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, table: str, guess: bool, ready: bool
) -> None:
    monkeypatch.setattr(probe, "_DIAGNOSE_EVERY", 0.05)
    worker = Behaviour(port=PORT, listens=False, executes={TABLE: ExecResult(0, table)})
    container, _ = await started(engine, worker)
    readiness = Readiness(PORT, guess=guess, speak=True, timeout=0.4)
    if ready:
        await becomes_ready(engine, container, readiness)
    else:
        assert (await refused(engine, container, readiness)).what == "was not ready within 0.4s"


async def test_out_of_time_has_the_diagnosis_where_there_is_one(engine: FakeEngine) -> None:
    elsewhere = Behaviour(port=PORT, listens=False, executes={TABLE: ExecResult(0, ELSEWHERE)})
    container, _ = await started(engine, elsewhere)
    error = await refused(engine, container, Readiness(PORT, timeout=0.1))
    assert error.what == "was not ready within 0.1s"
    assert "port 8001" in error.cause
    nothing, _ = await started(engine, SILENT, name="devbox-shop-r2")
    error = await refused(engine, nothing, Readiness(PORT, timeout=0.1))
    assert error.cause == f"nothing answers on port {PORT}"


async def test_one_without_an_address_is_told(engine: FakeEngine) -> None:
    container, _ = await started(engine, SERVES)
    with pytest.raises(StartFailed, match="the engine gives it no address"):
        await wait_ready(engine, container, PUBLISHED, Readiness(PORT, timeout=0.1))


async def test_without_a_tcp_port_to_run_is_enough(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_WITHOUT_PORT", 0.1)
    container, _ = await started(engine, SILENT)
    await becomes_ready(engine, container, Readiness(0, health_path="/x", speak=True))
    ends, _ = await started(engine, SILENT, name="devbox-shop-r2")
    waiting = asyncio.create_task(refused(engine, ends, Readiness(0)))
    await asyncio.sleep(0.02)
    await engine.end(ends, 2)
    assert (await waiting).exit_status == 2
    bad, _ = await started(
        engine,
        Behaviour(port=PORT, listens=False, executes={("no",): ExecResult(1, "")}),
        name="devbox-shop-r3",
    )
    error = await refused(engine, bad, Readiness(0, healthcheck=("CMD", "no"), timeout=0.2))
    assert "HEALTHCHECK" in error.cause


async def test_nothing_of_it_goes_on_after_a_cancellation(engine: FakeEngine) -> None:
    container, _ = await started(engine, SILENT)
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(wait_ready(engine, container, INFO, Readiness(PORT)))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == before


async def test_as_much_of_the_log_is_read_as_a_long_traceback_takes(engine: FakeEngine) -> None:
    container, _ = await started(engine, Behaviour(port=PORT, exits=1, log=tuple(map(str, range(500)))))
    assert await log_tail(engine, container) == tuple(map(str, range(100, 500)))


async def test_a_log_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(FakeEngine):
        async def logs(
            self, container: str, *, follow: bool, tail: int | None = None, since: float = 0.0
        ) -> AsyncGenerator[LogLine, None]:
            await asyncio.Event().wait()
            yield LogLine("stdout", "never")

    monkeypatch.setattr(probe, "ANSWER_BOUND", 0.05)
    assert await log_tail(Mute(), "x") == ()


async def test_devboxs_own_healthcheck_is_asked_and_not_run(engine: FakeEngine) -> None:
    container, _ = await started(engine, SERVES)
    opens, answers = (("CMD", *health_command(PORT, path)) for path in ("", "/"))
    for test in (opens, answers):
        await becomes_ready(engine, container, Readiness(PORT, healthcheck=test))
    assert not any(entry.startswith("exec") for entry in engine.journal)
    sick, _ = await started(engine, Behaviour(port=PORT, status=500), name="devbox-shop-r2")
    error = await refused(engine, sick, Readiness(PORT, healthcheck=answers, timeout=0.2))
    assert error.cause == "GET / answered 500"
    await becomes_ready(engine, sick, Readiness(PORT, healthcheck=opens))


async def test_a_healthcheck_of_another_port_is_run(engine: FakeEngine) -> None:
    command = health_command(PORT + 1, "")
    container, _ = await started(engine, Behaviour(port=PORT, executes={command: ExecResult(1, "refused")}))
    error = await refused(engine, container, Readiness(PORT, healthcheck=("CMD", *command), timeout=0.2))
    assert "HEALTHCHECK" in error.cause
