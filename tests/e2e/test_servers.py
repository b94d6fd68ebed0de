"""The servers that people run their applications with, each with saves that go live warm."""

from __future__ import annotations

import http.client
import json
import re
import threading
import urllib.parse
from pathlib import Path

import docker
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import EventDict, Up, answer, wait_until

# One layer for all of them: built once, cached for the others.
_DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /code
ENV PYTHONUNBUFFERED=1
RUN --mount=type=cache,target=/root/.cache/pip \\
    pip install "fastapi[standard]" flask gunicorn uvicorn-worker hypercorn gevent
COPY . .
"""
_FASTAPI = """\
import os, sys, threading
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def root():
    return {{"said": "{text}", "argv": sys.argv, "threads": sorted(t.name for t in threading.enumerate())}}

if __name__ == "__main__":
    import uvicorn
    uvicorn.run(app, host="0.0.0.0", port=8000)
"""
_FLASK = """\
from flask import Flask

app = Flask(__name__)

@app.get("/")
def root():
    return {{"said": "{text}"}}
"""
# The drain, the stop and a busy machine.
_OLD_ENDS_WITHIN = 25.0


def _project(folder: Path, source: str, lines: str) -> None:
    (folder / "Dockerfile").write_text(_DOCKERFILE + lines + "\n")
    (folder / "start.sh").write_text('#!/bin/sh\nset -e\nexport BEGUN=1\nexec "$@"\n')
    (folder / "start.sh").chmod(0o755)
    (folder / "main.py").write_text(source.format(text="one"))


def _standing_by(up: Up, after: int = 0) -> EventDict:
    return up.wait_for("standby.changed", after=after, ready=True)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param(_FASTAPI, 'CMD ["fastapi", "run", "main.py", "--port", "8000"]', id="fastapi run"),
        pytest.param(
            _FASTAPI,
            "USER 1000:1000\n"
            'ENTRYPOINT ["./start.sh"]\nCMD ["python", "-m", "uvicorn", "main:app", "--host", "0.0.0.0"]',
            id="entrypoint script, python -m uvicorn",
        ),
        pytest.param(_FASTAPI, "CMD exec python main.py", id="shell form, python main.py"),
        pytest.param(
            _FASTAPI,
            'CMD ["gunicorn", "main:app", "-w", "2", "-k", "uvicorn_worker.UvicornWorker", "-b", ":8000"]',
            id="gunicorn with uvicorn workers",
        ),
        pytest.param(
            _FLASK,
            'CMD ["flask", "--app", "main", "run", "--host", "0.0.0.0", "--port", "8000"]',
            id="flask run",
        ),
    ],
)
def test_a_save_is_served_warm(folder: Path, start: StartUp, source: str, lines: str) -> None:
    _project(folder, source, lines)
    up = start()
    up.served(bound=300)
    seq = _standing_by(up)["seq"]
    cold = json.loads(answer(up.url))
    (folder / "main.py").write_text(source.format(text="two"))
    served = up.served(after=seq)
    assert served["strategy"] == "warm", up.said()
    up.serves("two")
    assert json.loads(answer(up.url)) == cold | {"said": "two"}


_GEVENT = """\
from gevent import monkey
monkey.patch_all()
import socket
from gevent.pywsgi import WSGIServer

def app(environ, begin):
    begin("200 OK", [("Content-Type", "text/plain")])
    return [f"{text} {{socket.socket.__module__}}".encode()]

WSGIServer(("0.0.0.0", 8000), app).serve_forever()
"""


def test_gevent_patches_what_nobody_loaded_before_it(folder: Path, start: StartUp) -> None:
    _project(folder, _GEVENT, 'CMD ["python", "main.py"]')
    up = start()
    up.served(bound=300)
    seq = _standing_by(up)["seq"]
    assert answer(up.url) == "one gevent._socket3"
    (folder / "main.py").write_text(_GEVENT.format(text="two"))
    up.served(after=seq)
    up.serves("two gevent._socket3")
    assert not [event for event in up.of("app.log") if "MonkeyPatchWarning" in event["line"]]


_BEATS = (
    "import threading, time; "
    "threading.Thread(name='beat', target=time.sleep, args=(1e6,), daemon=True).start()"
)
_PURELIB = "$(python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')"


def test_a_module_that_starts_a_thread_is_loaded_by_the_application_only(
    folder: Path, start: StartUp
) -> None:
    source = "import beats\n" + _FASTAPI
    _project(folder, source, 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]')
    dockerfile = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(
        dockerfile.replace("COPY . .", f'RUN echo "{_BEATS}" > {_PURELIB}/beats.py\nCOPY . .')
    )
    up = start()
    up.served(bound=300)
    ready = _standing_by(up)
    assert "thread" in ready["dropped"]["beats"]
    cold = json.loads(answer(up.url))
    assert "beat" in cold["threads"]
    (folder / "main.py").write_text(source.format(text="two"))
    assert up.served(after=ready["seq"])["strategy"] == "warm", up.said()
    up.serves("two")
    assert json.loads(answer(up.url)) == cold | {"said": "two"}


_STREAMS = """\
import asyncio
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse

app = FastAPI()

@app.get("/")
def root():
    return "{text}"

@app.get("/events")
async def events():
    async def ticks():
        while True:
            yield "data: {text}\\n\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(ticks(), media_type="text/event-stream")

@app.websocket("/ws")
async def talk(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text("{text}")
        await asyncio.sleep(0.05)
"""


def test_open_streams_end_and_new_ones_reach_the_new_code(folder: Path, start: StartUp) -> None:
    _project(folder, _STREAMS, 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]')
    up = start()
    up.served(bound=300)
    seq = _standing_by(up)["seq"]
    ended: list[str] = []
    clients = [threading.Thread(target=_listen_to_events, args=(up.url, "one", ended), daemon=True)]
    clients.append(threading.Thread(target=_talk, args=(up.url, "one", ended), daemon=True))
    for client in clients:
        client.start()
    wait_until(lambda: len(up.of("app.log")) > 1, up.said())
    (folder / "main.py").write_text(_STREAMS.format(text="two"))
    assert up.served(after=seq)["strategy"] == "warm", up.said()
    up.serves("two")
    assert _first_event(up.url) == "data: two"
    with connect(_ws(up.url)) as socket:
        assert socket.recv(timeout=10) == "two"
    for client in clients:
        client.join(_OLD_ENDS_WITHIN)
    assert sorted(ended) == ["events: one", "ws: one"], up.said()


def _listen_to_events(url: str, expected: str, ended: list[str]) -> None:
    response = _events(url)
    try:
        while line := response.readline():
            assert line in (b"\n", f"data: {expected}\n".encode())
    except (OSError, http.client.HTTPException):
        pass
    ended.append(f"events: {expected}")


def _talk(url: str, expected: str, ended: list[str]) -> None:
    try:
        with connect(_ws(url)) as socket:
            while socket.recv(timeout=10) == expected:
                pass
    except ConnectionClosed:
        ended.append(f"ws: {expected}")


def _first_event(url: str) -> str:
    return _events(url).readline().decode().strip()


def _events(url: str) -> http.client.HTTPResponse:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request("GET", "/events")
    return connection.getresponse()


def _ws(url: str) -> str:
    return f"ws://{urllib.parse.urlsplit(url).netloc}/ws"


_FAILING = {
    "exception in lifespan": """\
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield

app = FastAPI(lifespan=lifespan)
""",
    "exit while loading": "import sys\nsys.exit('settings are missing')\n",
}


def _without_pids(lines: list[str]) -> list[str]:
    # Process 1 is the application in one of them and Docker's init in the other.
    return [re.sub(r"process \[\d+\]", "process [1]", line) for line in lines]


@pytest.mark.parametrize("source", [pytest.param(text, id=name) for name, text in _FAILING.items()])
def test_what_fails_warm_is_told_as_a_cold_start_tells_it(
    folder: Path, start: StartUp, engine: docker.DockerClient, source: str
) -> None:
    _project(folder, _FASTAPI, 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]')
    up = start()
    served = up.served(bound=300)
    seq = _standing_by(up)["seq"]
    (folder / "main.py").write_text(source)
    failed = up.wait_for("release.failed", after=seq)
    image = up.wait_for("build.finished", after=seq)["image"]
    cold = engine.containers.run(image, detach=True)
    try:
        cold.wait(timeout=60)
        printed = _without_pids(cold.logs().decode().splitlines())
    finally:
        cold.remove(force=True)
    told = _without_pids(failed["failure"]["log"])
    assert [line for line in told if line not in printed] == []
    assert printed[-1] in told
    assert failed["serving"] == served["revision"]
    assert json.loads(answer(up.url))["said"] == "one"


def test_a_port_that_is_never_opened_leaves_the_old_revision(folder: Path, start: StartUp) -> None:
    _project(folder, _FASTAPI, 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0"]')
    (folder / "devbox.toml").write_text("start_timeout = 3\n")
    up = start()
    served = up.served(bound=300)
    seq = _standing_by(up)["seq"]
    (folder / "main.py").write_text("import time\ntime.sleep(3600)\n")
    failed = up.wait_for("release.failed", after=seq)
    assert "not ready within 3s" in failed["failure"]["what"]
    assert failed["serving"] == served["revision"]
    assert json.loads(answer(up.url))["said"] == "one"
    (folder / "main.py").write_text(_FASTAPI.format(text="healed"))
    up.serves("healed")
