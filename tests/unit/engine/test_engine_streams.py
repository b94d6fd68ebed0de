"""The streaming endpoints over a scripted engine: what no real engine does on demand."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest

from devbox.engine.docker import DockerEngine
from devbox.engine.values import BuildRequest, ExecResult, LogLine, PullProgress
from devbox.errors import EngineRefused, EngineUnreachable, NotFound, PullFailed
from devbox.model import LABEL_PROJECT
from tests.contract.engine_contract import engine_threads

from .stub import Request, StubEngine, forever, framed, says, streams

REQUEST = BuildRequest("b1", "app:1", "docker/Dockerfile", {LABEL_PROJECT: "app"})
RUNNING = says({"State": {"Status": "running"}})
PROMPT = 0.2


async def everything(items: AsyncIterator[object]) -> list[object]:
    return [item async for item in items]


async def cancel(task: asyncio.Task[object]) -> None:
    """Cancels a task, which must end at once and take its thread with it."""
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < PROMPT
    assert engine_threads() == 0


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_a_build_sends_the_context_and_gives_each_message(
    engine: DockerEngine, stub: StubEngine
) -> None:
    stub.routes["POST /build"] = streams(
        b'{"id": "moby.buildkit.trace", ', b'"aux": "a"}\n{"err', b'or": "b"}'
    )
    context = [b"x" * 100_000, b"", b"y"]
    assert await everything(engine.build(REQUEST, iter(context))) == [
        {"id": "moby.buildkit.trace", "aux": "a"},
        {"error": "b"},
    ]
    (sent,) = stub.asked("POST /build")
    assert sent.body == b"".join(context)
    assert sent.headers["content-type"] == "application/x-tar"
    assert sent.query == {
        "version": "2",
        "buildid": "b1",
        "t": "app:1",
        "dockerfile": "docker/Dockerfile",
        "labels": json.dumps({LABEL_PROJECT: "app"}),
        "rm": "1",
        "forcerm": "1",
    }
    assert stub.asked("POST /build/cancel") == []


async def test_what_a_build_may_be_told(engine: DockerEngine, stub: StubEngine) -> None:
    stub.routes["POST /build"] = streams()
    request = replace(
        REQUEST, target="dev", build_args={"A": "b c"}, no_cache=True, network="host", buildkit=False
    )
    await everything(engine.build(request, iter([b"x"])))
    query = stub.asked("POST /build")[0].query
    assert query["version"] == "1"
    assert (query["target"], query["nocache"], query["networkmode"]) == ("dev", "1", "host")
    assert json.loads(query["buildargs"]) == {"A": "b c"}


async def test_a_build_that_is_refused(engine: DockerEngine, stub: StubEngine) -> None:
    stub.routes["POST /build"] = says({"message": "dockerfile parse error line 1: unknown instruction"}, 400)
    with pytest.raises(EngineRefused, match="parse error line 1") as raised:
        await everything(engine.build(REQUEST, iter([b"x"])))
    assert raised.value.status == 400


async def test_a_build_refused_before_its_context_has_come(engine: DockerEngine, stub: StubEngine) -> None:
    def context() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65536

    stub.out_of_turn = "POST /build"
    with pytest.raises((EngineRefused, EngineUnreachable)):
        await everything(engine.build(REQUEST, context()))


async def test_an_engine_that_dies_during_a_build(engine: DockerEngine, stub: StubEngine) -> None:
    async def die() -> None:
        stub.die()

    stub.routes["POST /build"] = streams(b'{"id": "moby.buildkit.trace"}\n', then=die)
    with pytest.raises(EngineUnreachable):
        await everything(engine.build(REQUEST, iter([b"x"])))


async def test_a_cancelled_build_closes_its_connection_and_asks_for_its_end(
    engine: DockerEngine, stub: StubEngine
) -> None:
    stub.routes["POST /build"] = streams(b'{"id": "moby.buildkit.trace"}\n', then=forever)
    stub.routes["POST /build/cancel"] = says({}, 204)
    seen: list[object] = []

    async def build() -> None:
        async for message in engine.build(REQUEST, iter([b"x"])):
            seen.append(message)

    task: asyncio.Task[object] = asyncio.create_task(build())
    await until(lambda: bool(seen))
    await cancel(task)
    await until(lambda: stub.lost == 1)
    assert [request.query for request in stub.asked("POST /build/cancel")] == [{"id": "b1"}]


async def test_a_build_cancelled_while_it_sends(engine: DockerEngine, stub: StubEngine) -> None:
    closed = threading.Event()

    def context() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.set()

    task: asyncio.Task[object] = asyncio.create_task(everything(engine.build(REQUEST, context())))
    await until(lambda: bool(stub.asked("POST /build")))
    await cancel(task)
    assert closed.is_set()
    await until(lambda: stub.lost == 1)


@pytest.mark.parametrize(
    "mistake", [OSError("gone"), ValueError("odd"), TimeoutError("slow"), BrokenPipeError()]
)
async def test_an_exception_of_the_context_is_not_taken_for_the_engines(
    engine: DockerEngine, stub: StubEngine, mistake: Exception
) -> None:
    def context() -> Iterator[bytes]:
        yield b"x"
        raise mistake

    with pytest.raises(type(mistake)) as raised:
        await everything(engine.build(REQUEST, context()))
    assert raised.value is mistake
    await until(lambda: stub.lost == 1)


async def test_a_pull_says_how_far_it_is(engine: DockerEngine, stub: StubEngine) -> None:
    messages = [
        {"status": "Pulling from library/python", "id": "3.13"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 2}},
        {"status": "Pull complete", "id": "a"},
    ]
    stub.routes["POST /images/create"] = streams(
        *(json.dumps(message).encode() + b"\n" for message in messages)
    )
    assert await everything(engine.pull("python:3.13")) == [
        PullProgress("Pulling from library/python"),
        PullProgress("Downloading", 1, 2),
        PullProgress("Pull complete", 2, 2),
    ]
    await everything(engine.pull("registry.lan:5000/team/app@sha256:0a"))
    await everything(engine.pull("python"))
    assert [(sent.query["fromImage"], sent.query["tag"]) for sent in stub.asked("POST /images/create")] == [
        ("python", "3.13"),
        ("registry.lan:5000/team/app", "sha256:0a"),
        ("python", "latest"),
    ]


async def test_a_pull_that_fails_at_once_or_on_the_way(engine: DockerEngine, stub: StubEngine) -> None:
    for route in (
        says({"message": "pull access denied for python"}, 404),
        streams(b'{"status": "Pulling"}\n', b'{"error": "pull access denied for python"}\n'),
    ):
        stub.routes["POST /images/create"] = route
        with pytest.raises(PullFailed, match="access denied"):
            await everything(engine.pull("python"))


def message(stream: int, nanoseconds: int, data: bytes) -> bytes:
    """A log message as the engine sends it with its time stamp."""
    return framed(stream, b"2026-11-22T00:38:46.%09dZ %b" % (nanoseconds, data))


async def test_log_lines_out_of_frames_of_any_cut(engine: DockerEngine, stub: StubEngine) -> None:
    written = message(1, 1, b"one\n") + message(1, 2, b"tw") + message(2, 3, b"oh") + message(1, 2, b"o\n")
    stub.routes["GET /containers/web/logs"] = streams(*(bytes([byte]) for byte in written))
    assert await everything(engine.logs("web", follow=False, tail=7)) == [
        LogLine("stdout", "one"),
        LogLine("stdout", "two"),
        LogLine("stderr", "oh"),
    ]
    (asked,) = stub.asked("GET /containers/web/logs")
    assert asked.query == {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": "7"}


@pytest.mark.parametrize("followed", range(6))
async def test_what_following_left_out_is_read_afterwards(
    engine: DockerEngine, stub: StubEngine, followed: int
) -> None:
    messages = [
        message(1, 1, b"one\n"),
        message(1, 5, b"a lo"),
        message(1, 5, b"ng l"),
        message(1, 5, b"ine\n"),
        message(2, 6, b"no end"),
    ]

    async def log(request: Request, writer: asyncio.StreamWriter) -> None:
        whole = "follow" not in request.query
        await streams(*(messages if whole else messages[:followed]))(request, writer)

    stub.routes["GET /containers/web/json"] = RUNNING
    stub.routes["GET /containers/web/logs"] = log
    lines = await everything(engine.logs("web", follow=True))
    assert lines == [LogLine("stdout", "one"), LogLine("stdout", "a long line"), LogLine("stderr", "no end")]
    _, again = stub.asked("GET /containers/web/logs")
    assert again.query.get("since") == ("1795307926" if followed else None)


async def test_following_a_container_that_is_removed_at_its_end(
    engine: DockerEngine, stub: StubEngine
) -> None:
    async def log(request: Request, writer: asyncio.StreamWriter) -> None:
        ends = (
            streams(message(1, 1, b"one\n")) if "follow" in request.query else says({"message": "gone"}, 404)
        )
        await ends(request, writer)

    stub.routes["GET /containers/web/json"] = RUNNING
    stub.routes["GET /containers/web/logs"] = log
    assert await everything(engine.logs("web", follow=True)) == [LogLine("stdout", "one")]


async def test_the_log_of_an_engine_that_dies_and_of_nobody(engine: DockerEngine, stub: StubEngine) -> None:
    async def die() -> None:
        stub.die()

    stub.routes["GET /containers/web/logs"] = streams(message(1, 1, b"one\n"), then=die)
    lines = engine.logs("web", follow=False)
    assert await anext(lines) == LogLine("stdout", "one")
    with pytest.raises(EngineUnreachable):
        await anext(lines)
    with pytest.raises(NotFound, match="no such thing"):
        await everything(engine.logs("nobody", follow=False))


async def test_waiting_for_a_container_whose_engine_dies(engine: DockerEngine, stub: StubEngine) -> None:
    async def die(request: Request, writer: asyncio.StreamWriter) -> None:
        stub.die()

    stub.routes["GET /containers/web/json"] = RUNNING
    stub.routes["POST /containers/web/wait"] = die
    with pytest.raises(EngineUnreachable):
        await engine.wait("web")


async def test_events_end_quietly_with_the_engine(engine: DockerEngine, stub: StubEngine) -> None:
    async def die() -> None:
        stub.die()

    actions = ["create", "exec_create: sh", "exec_die", "health_status: healthy", "die"]
    lines = [json.dumps({"Action": action, "Actor": {"ID": "0a"}}).encode() + b"\n" for action in actions]
    for broken in (b"", b'{"Action": "sta'):
        stub.routes["GET /events"] = streams(*lines, broken or b"\n", then=die)
        seen = [event.action async for event in engine.events()]
        assert seen == ["create", "health_status: healthy", "die"]
    filters = json.loads(stub.asked("GET /events")[0].query["filters"])
    assert filters == {"type": ["container"], "label": [LABEL_PROJECT]}


async def test_events_of_an_engine_that_is_not_there(engine: DockerEngine, stub: StubEngine) -> None:
    with pytest.raises(NotFound):
        await everything(engine.events())


async def test_a_command_whose_output_comes_without_an_end(engine: DockerEngine, stub: StubEngine) -> None:
    async def partly(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
        writer.write(framed(1, b"part") + framed(2, b"ly"))
        await writer.drain()
        await forever()

    stub.routes["POST /containers/web/exec"] = says({"Id": "x1"}, 201)
    stub.routes["POST /exec/x1/start"] = partly
    began = time.monotonic()
    assert await engine.exec("web", ("sleep", "9"), 0.2) == ExecResult(124, "partly")
    assert time.monotonic() - began < 0.2 + PROMPT
    assert json.loads(stub.asked("POST /containers/web/exec")[0].body)["Cmd"] == ["sleep", "9"]
    assert engine_threads() == 0
