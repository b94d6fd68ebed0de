"""The warm way under applications as people have them: failing, patching, streaming, behind gunicorn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import docker
import httpx
import pytest
import websockets

from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import BOUND, Up, answer

_DOCKERFILE = """\
FROM python:3.13-slim
RUN --mount=type=cache,target=/root/.cache/pip \\
    pip install fastapi uvicorn websockets gunicorn uvicorn-worker gevent
WORKDIR /code
COPY . .
CMD {command}
"""
_UVICORN = '["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]'
_APP = """\
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse

@asynccontextmanager
async def lifespan(app):
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/")
async def root():
    return PlainTextResponse("one")

@app.websocket("/ws")
async def talk(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text() + " one")

@app.get("/events")
async def events():
    async def told():
        while True:
            yield "data: one\\n\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(told(), media_type="text/event-stream")
"""
_GEVENT = """\
from gevent import monkey
monkey.patch_all()
import socket
from gevent.pywsgi import WSGIServer
import clock

def app(environ, start_response):
    start_response("200 OK", [])
    patched = socket.socket.__module__.startswith("gevent")
    return [("one " + str(patched) + " " + clock.state()).encode()]

WSGIServer(("0.0.0.0", 8000), app).serve_forever()
"""
_CLOCK = """\
import os, threading
begun = threading.Event()
threading.Thread(target=begun.set, daemon=True).start()

def state():
    begun.wait(5)
    return f"ticks in {os.getcwd()}"
"""


def write(folder: Path, source: str, command: str = _UVICORN) -> None:
    (folder / "main.py").write_text(source)
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(command=command))


def ready(up: Up, *, after: int = 0) -> int:
    return int(up.wait_for("standby.changed", after=after, ready=True)["seq"])


def test_every_way_in_which_a_boot_fails_keeps_the_old_revision(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write(folder, _APP)
    (folder / "devbox.toml").write_text("start_timeout = 3.0\n")
    up = start()
    serving = up.served(bound=300)
    seq = ready(up)
    for broken in (
        "import nothing_of_that_name\n" + _APP,
        _APP.replace("    yield\n", "    raise RuntimeError('no database')\n    yield\n", 1),
        "import sys\nsys.exit('the database is missing')\n",
        "import time\ntime.sleep(600)\n",
    ):
        (folder / "main.py").write_text(broken)
        failed = up.wait_for("release.failed", after=seq)
        seq = failed["seq"]
        assert failed["serving"] == serving["revision"]
        assert answer(up.url) == "one", up.said()
        image = up.of("build.finished")[-1]["image"]
        if "sleep(600)" in broken:
            assert "was not ready within 3s" in str(failed), up.said()
        else:
            told = _without_ids(failed["failure"]["log"])
            assert told
            assert told == _without_ids(_cold(engine, image))[-len(told) :]
    (folder / "main.py").write_text(_APP.replace('"one"', '"healed"'))
    up.serves("healed")
    assert up.of("release.served")[-1]["strategy"] == "warm", up.said()


def _without_ids(lines: list[str]) -> list[str]:
    return [re.sub(r"\[\d+\]", "[]", line) for line in lines]


def _cold(engine: docker.DockerClient, image: str) -> list[str]:
    """What the image prints, begun by nothing of devbox."""
    container = engine.containers.create(image, init=True)
    try:
        container.start()
        container.wait(timeout=BOUND)
        return container.logs().decode().splitlines()
    finally:
        container.remove(force=True)


def test_websockets_and_event_streams_end_with_their_revision_and_hold_up_no_swap(
    folder: Path, start: StartUp
) -> None:
    write(folder, _APP)
    (folder / "devbox.toml").write_text("stop_grace = 1.0\n")
    up = start()
    up.served(bound=300)
    asyncio.run(_over_two_swaps(folder, up))


async def _over_two_swaps(folder: Path, up: Up) -> None:
    async with asyncio.timeout(2 * BOUND), AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=up.url, timeout=BOUND, trust_env=False)
        )
        opened, seq = [], 0
        for text in ("one", "two", "three"):
            (folder / "main.py").write_text(_APP.replace("one", text))
            if text != "one":
                served = await asyncio.to_thread(up.served, after=seq)
                assert served["strategy"] == "warm", up.said()
                seq = served["seq"]
            socket = await stack.enter_async_context(
                websockets.connect(up.url.replace("http:", "ws:") + "/ws", proxy=None)
            )
            stream = await stack.enter_async_context(client.stream("GET", "/events"))
            lines = stream.aiter_lines()
            await socket.send("hello")
            assert await socket.recv() == f"hello {text}"
            assert await anext(lines) == f"data: {text}"
            opened.append((socket, lines))
            seq = await asyncio.to_thread(ready, up, after=seq)
        # Ended by its own server's shutdown, or with its container.
        for socket, lines in opened[:-1]:
            await socket.wait_closed()
            await _to_the_end(lines)
        socket, lines = opened[-1]
        await socket.send("still")
        assert await socket.recv() == "still three"


async def _to_the_end(lines: AsyncIterator[str]) -> None:
    with suppress(httpx.RemoteProtocolError, httpx.ReadError):
        async for _ in lines:
            pass


def test_what_must_not_be_loaded_early_behaves_as_in_a_cold_start(folder: Path, start: StartUp) -> None:
    write(folder, _GEVENT, '["python", "main.py"]')
    (folder / "clock.py").write_text(_CLOCK)
    up = start()
    up.served(bound=300)
    assert answer(up.url) == "one True ticks in /code"
    seq = ready(up)
    (folder / "main.py").write_text(_GEVENT.replace("one", "two"))
    assert up.served(after=seq)["strategy"] == "warm", up.said()
    up.serves("two True ticks in /code")


@pytest.mark.parametrize(
    "command",
    [
        '["gunicorn", "-w", "2", "-k", "uvicorn_worker.UvicornWorker", "-b", "0.0.0.0:8000", "main:app"]',
        "exec uvicorn main:app --host 0.0.0.0 --port 8000",
    ],
)
def test_the_new_code_answers_edit_after_edit(folder: Path, start: StartUp, command: str) -> None:
    write(folder, _APP, command)
    up = start()
    seq = up.served(bound=300)["seq"]
    for text in ("two", "three"):
        seq = ready(up, after=seq)
        (folder / "main.py").write_text(_APP.replace('"one"', f'"{text}"'))
        served = up.served(after=seq)
        assert served["strategy"] == "warm", up.said()
        assert {answer(up.url) for _ in range(10)} == {text}
        seq = served["seq"]
