"""Releases on a real engine: what counts as ready, what is said of what does not, and what is left."""

from __future__ import annotations

import asyncio
import json
import textwrap
import time
from dataclasses import dataclass, field, replace

import pytest

from devbox.engine.docker import DockerEngine
from devbox.engine.values import ContainerFacts, ContainerSpec, EngineInfo, ImageFacts
from devbox.errors import PortTaken, StartFailed, Superseded
from devbox.model import LABEL_PROJECT, Backend, PortMapping, VolumeMount
from devbox.release import probe
from devbox.release.probe import Readiness, backends, must_speak
from devbox.release.strategies import Candidate, Handover, Hooks, recreate, retire, rolling

from .conftest import BASE, RealLab

SERVER = """
import http.server, os, socket, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    status, text = 200, "hello"
    def do_GET(self):
        body = self.text.encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50
def serve(host="0.0.0.0", port=8000):
    print("serving", flush=True)
    Server((host, port), Answer).serve_forever()
"""
GRACE = 1.0
READY = Readiness(8000, timeout=20)


@dataclass
class Stage:
    """One project whose applications are lines of Python."""

    lab: RealLab
    info: EngineInfo
    number: int = 0
    started: list[str] = field(default_factory=list)
    flipped: list[ContainerFacts] = field(default_factory=list)

    @property
    def engine(self) -> DockerEngine:
        return self.lab.engine

    async def image(self, app: str, *more: str) -> ImageFacts:
        """An image that runs SERVER and then these lines."""
        self.number += 1
        command = json.dumps(["python3", "-c", SERVER + textwrap.dedent(app)])
        lines = (f"FROM {BASE}", *more, f"CMD {command}")
        tag = await self.lab.image_of("\n".join(lines) + "\n", f"devbox/{self.lab.project}:r{self.number}")
        facts = await self.engine.image(tag)
        assert facts is not None
        return facts

    def spec(self, image: ImageFacts, ports: tuple[PortMapping, ...] = ()) -> ContainerSpec:
        name = f"devbox-{self.lab.project}-r{self.number}"
        return ContainerSpec(name, image.id, {LABEL_PROJECT: self.lab.project}, ports=ports)

    def hooks(self, confirm: BaseException | None = None) -> Hooks:
        async def ask() -> None:
            if confirm is not None:
                raise confirm

        async def flip(facts: ContainerFacts) -> None:
            self.flipped.append(facts)

        return Hooks(self.started.append, ask, flip)

    async def roll(self, app: str, *more: str, ready: Readiness = READY) -> Handover:
        image = await self.image(app, *more)
        ports = () if self.info.reaches_containers else (PortMapping("127.0.0.1", 0, ready.port),)
        candidate = Candidate(self.spec(image, ports), replace(ready, healthcheck=image.healthcheck))
        return await rolling(self.engine, self.info, candidate, self.hooks())

    async def fail(self, app: str, *more: str, ready: Readiness = READY) -> StartFailed:
        with pytest.raises(StartFailed) as caught:
            await self.roll(app, *more, ready=ready)
        # Whatever was started for it is gone.
        for container in self.started:
            assert await self.engine.container(container) is None
        assert self.flipped == []
        return caught.value

    async def text(self, facts: ContainerFacts, port: int = 8000) -> str:
        """What the application answers."""
        return await fetch(backends(facts, (port,), self.info)[port])

    async def states(self) -> list[str]:
        found = await self.engine.containers(self.lab.project)
        return sorted(f"{facts.name.rpartition('-')[2]} {facts.status}" for facts in found)


async def fetch(backend: Backend) -> str:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(backend.host, backend.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()


@pytest.fixture
async def stage(lab: RealLab) -> Stage:
    return Stage(lab, await lab.engine.info())


@pytest.fixture(params=["address", "published"])
async def either(request: pytest.FixtureRequest, lab: RealLab) -> Stage:
    """Reached at the container's own address, and as on machines where that cannot be dialled."""
    info = await lab.engine.info()
    return Stage(
        lab, replace(info, reaches_containers=info.reaches_containers and request.param == "address")
    )


async def test_rolling_beside_the_old_one(either: Stage) -> None:
    first = await either.roll("serve()")
    second = await either.roll('Answer.text = "new"\nserve()')
    assert [facts.id for facts in either.flipped] == [first.container.id, second.container.id]
    assert either.started == [first.container.id, second.container.id]
    assert await either.text(first.container) == "hello"
    assert await either.text(second.container) == "new"
    await retire(either.engine, first.container.id, GRACE)
    assert await either.states() == ["r2 running"]


async def test_the_port_opens_late(either: Stage) -> None:
    """Behind Docker's own proxy the published port accepts long before."""
    handover = await either.roll("time.sleep(1.5); serve()")
    assert handover.boot >= 1.5
    assert await either.text(handover.container) == "hello"


async def test_on_loopback_only_it_is_told_within_three_seconds(either: Stage) -> None:
    began = time.monotonic()
    error = await either.fail('serve("127.0.0.1")')
    # The image was built in that time too.
    assert time.monotonic() - began < 10
    assert error.what == "is not reachable"
    assert error.cause == (
        "the application listens on 127.0.0.1:8000 inside the container, out of reach from outside"
    )
    assert "--host 0.0.0.0" in error.hint
    assert error.log == ("serving",)


async def test_how_long_that_takes(stage: Stage) -> None:
    image = await stage.image('serve("127.0.0.1")')
    began = time.monotonic()
    with pytest.raises(StartFailed, match="is not reachable"):
        await rolling(stage.engine, stage.info, Candidate(stage.spec(image), READY), stage.hooks())
    assert time.monotonic() - began < 4


async def test_the_wrong_port(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    error = await stage.fail("serve(port=5000)", ready=Readiness(8000, timeout=3))
    assert error.what == "was not ready within 3s"
    assert error.cause == "the application listens on port 5000, not on 8000"
    assert "EXPOSE 5000" in error.hint
    # With more time it is told once it is no longer likely to be a debugger's.
    monkeypatch.setattr(probe, "_ELSEWHERE_FOR_GOOD", 3.0)
    began = time.monotonic()
    error = await stage.fail("serve(port=5000)", ready=Readiness(8000, timeout=60))
    assert error.what == "is not reachable"
    assert 3 < time.monotonic() - began < 20


async def test_a_debugger_that_listens_first_does_no_harm(stage: Stage) -> None:
    app = 'early = socket.create_server(("0.0.0.0", 5678)); time.sleep(4); serve()'
    handover = await stage.roll(app)
    assert handover.boot > 4


async def test_an_exit_comes_with_its_traceback(either: Stage) -> None:
    image = await either.image('print("starting", flush=True); import no_such_module')
    ports = () if either.info.reaches_containers else (PortMapping("127.0.0.1", 0, 8000),)
    began = time.monotonic()
    with pytest.raises(StartFailed) as caught:
        await rolling(either.engine, either.info, Candidate(either.spec(image, ports), READY), either.hooks())
    assert time.monotonic() - began < 5
    assert caught.value.exit_status == 1
    # The engine reads two pipes: which of two streams comes first is nobody's promise.
    assert {"starting", "ModuleNotFoundError: No module named 'no_such_module'"} <= set(caught.value.log)
    assert await either.states() == []


async def test_a_command_that_cannot_be_run(stage: Stage) -> None:
    tag = await stage.lab.image_of(f'FROM {BASE}\nCMD ["/no/such/program"]\n')
    facts = await stage.engine.image(tag)
    assert facts is not None
    with pytest.raises(StartFailed) as caught:
        await rolling(stage.engine, stage.info, Candidate(stage.spec(facts), READY), stage.hooks())
    assert caught.value.cause or caught.value.log
    assert await stage.states() == []


async def test_a_good_healthcheck(stage: Stage) -> None:
    check = "HEALTHCHECK --interval=30s CMD test -e /tmp/ready"
    app = 'import threading; threading.Timer(1, lambda: open("/tmp/ready", "w")).start(); serve()'
    handover = await stage.roll(app, check)
    assert handover.boot >= 1


async def test_a_healthcheck_in_exec_form(stage: Stage) -> None:
    assert (await stage.roll("serve()", 'HEALTHCHECK CMD ["true"]')).container.running


async def test_a_bad_healthcheck(stage: Stage) -> None:
    error = await stage.fail(
        "serve()", "HEALTHCHECK CMD echo no route; exit 1", ready=Readiness(8000, timeout=2)
    )
    assert error.what == "was not ready within 2s"
    assert error.cause == "HEALTHCHECK ended with status 1: no route"


async def test_a_healthcheck_that_never_ends(stage: Stage) -> None:
    error = await stage.fail("serve()", "HEALTHCHECK CMD sleep 300", ready=Readiness(8000, timeout=1))
    assert error.cause.startswith("HEALTHCHECK ended with status 124")


async def test_a_healthcheck_of_none(stage: Stage) -> None:
    assert (await stage.roll("serve()", "HEALTHCHECK NONE")).container.running


async def test_a_health_path_that_answers_500_first(either: Stage) -> None:
    app = """
    import threading
    Answer.status = 500
    threading.Timer(1, setattr, (Answer, "status", 200)).start()
    serve()
    """
    handover = await either.roll(app, ready=replace(READY, health_path="/health"))
    assert handover.boot >= 1


async def test_a_health_path_that_always_answers_500(stage: Stage) -> None:
    ready = Readiness(8000, health_path="/health", timeout=1)
    error = await stage.fail("Answer.status = 500; serve()", ready=ready)
    assert error.cause == "GET /health answered 500"


async def test_a_server_that_listens_before_it_has_loaded_is_ready_when_it_answers(either: Stage) -> None:
    """As gunicorn does: the master listens, and its workers answer once they have loaded the application."""
    app = """
    early = socket.create_server(("0.0.0.0", 8000), backlog=50)
    time.sleep(2)
    server = Server(("0.0.0.0", 8000), Answer, bind_and_activate=False)
    server.socket = early
    server.serve_forever()
    """
    assert must_speak(("gunicorn", "main:app"))
    handover = await either.roll(app, ready=replace(READY, speak=True))
    assert 2 <= handover.boot < 9
    assert await either.text(handover.container) == "hello"


async def test_one_that_ignores_sigterm_is_gone_after_the_grace(stage: Stage) -> None:
    handover = await stage.roll("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); serve()")
    began = time.monotonic()
    await retire(stage.engine, handover.container.id, GRACE)
    assert GRACE <= time.monotonic() - began < GRACE + 4
    assert await stage.states() == []


async def test_one_that_obeys_is_gone_at_once(stage: Stage) -> None:
    handover = await stage.roll("serve()")
    began = time.monotonic()
    await retire(stage.engine, handover.container.id, 20)
    assert time.monotonic() - began < 5


async def test_a_superseded_one_is_gone(stage: Stage) -> None:
    image = await stage.image("serve()")
    hooks = stage.hooks(Superseded("the source changed again"))
    with pytest.raises(Superseded):
        await rolling(stage.engine, stage.info, Candidate(stage.spec(image), READY), hooks)
    assert await stage.states() == []


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.06, 0.12, 0.25, 0.5])
async def test_cancelled_at_any_time_nothing_is_left(stage: Stage, seconds: float) -> None:
    image = await stage.image("time.sleep(30)")
    candidate = Candidate(stage.spec(image), READY)
    task = asyncio.create_task(rolling(stage.engine, stage.info, candidate, stage.hooks()))
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # What the engine was doing when it was told to stop must not come up later either.
    await asyncio.sleep(0.5)
    assert await stage.states() == []


async def test_a_leftover_is_replaced(stage: Stage) -> None:
    image = await stage.image("serve()")
    left = await stage.engine.create(stage.spec(image))
    candidate = Candidate(stage.spec(image), READY)
    handover = await rolling(stage.engine, stage.info, candidate, stage.hooks())
    assert handover.container.id != left
    assert await stage.states() == ["r1 running"]


async def test_recreate_hands_the_port_over_and_back(stage: Stage) -> None:
    port = PortMapping("127.0.0.1", 18433, 8000)

    async def swap(app: str, previous: str | None, ready: Readiness = READY) -> Handover:
        image = await stage.image(app)
        candidate = Candidate(stage.spec(image, (port,)), ready)
        return await recreate(stage.engine, stage.info, candidate, stage.hooks(), previous, GRACE)

    first = await swap("serve()", None)
    assert await fetch(Backend("127.0.0.1", 18433)) == "hello"
    second = await swap('Answer.text = "new"\nserve()', first.container.id)
    assert await fetch(Backend("127.0.0.1", 18433)) == "new"
    assert await stage.states() == ["r1 exited", "r2 running"]
    with pytest.raises(StartFailed):
        await swap("raise SystemExit(3)", second.container.id)
    assert await stage.states() == ["r1 exited", "r2 running"]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if await fetch(Backend("127.0.0.1", 18433)) == "new":
                break
        except OSError:
            await asyncio.sleep(0.05)
    else:
        pytest.fail("the former one does not serve again")


async def test_recreate_of_a_port_that_is_taken(stage: Stage) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    image = await stage.image("serve()")
    candidate = Candidate(stage.spec(image, (PortMapping("127.0.0.1", taken, 8000),)), READY)
    with pytest.raises(PortTaken):
        await recreate(stage.engine, stage.info, candidate, stage.hooks(), None, GRACE)
    assert await stage.states() == []
    server.close()


async def test_one_that_only_speaks_udp_is_ready_when_it_runs(stage: Stage) -> None:
    app = 'udp = socket.socket(type=socket.SOCK_DGRAM); udp.bind(("0.0.0.0", 5353)); udp.recv(1)'
    image = await stage.image(app)
    spec = stage.spec(image, (PortMapping("127.0.0.1", 0, 5353, "udp"),))
    candidate = Candidate(spec, Readiness(0, timeout=5))
    handover = await recreate(stage.engine, stage.info, candidate, stage.hooks(), None, GRACE)
    assert handover.container.running


async def test_every_revision_has_the_same_volume(stage: Stage) -> None:
    name = f"devbox-{stage.lab.project}-data"
    await stage.engine.ensure_volume(name, {LABEL_PROJECT: stage.lab.project})
    mounts = (VolumeMount("volume", name, "/data"),)
    image = await stage.image(
        'open("/data/log", "a").write("x"); Answer.text = open("/data/log").read(); serve()'
    )
    texts = []
    for _ in range(2):
        stage.number += 1
        candidate = Candidate(replace(stage.spec(image), mounts=mounts), READY)
        handover = await rolling(stage.engine, stage.info, candidate, stage.hooks())
        texts.append(await stage.text(handover.container))
        await retire(stage.engine, handover.container.id, GRACE)
    assert texts == ["x", "xx"]
