"""No connection is refused or reset while revisions take over from each other."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer, get

_SWAPS = 20


def test_a_new_connection_every_5_ms_over_20_swaps_is_always_answered(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    url = up.url
    wrong: list[str] = []
    answered = 0
    over = threading.Event()

    def ask() -> None:
        nonlocal answered
        try:
            status, body = get(url)
        except OSError as error:
            wrong.append(repr(error))
            return
        if status != 200 or not body.startswith("text "):
            wrong.append(f"{status} {body[:80]}")
        answered += 1

    def load() -> None:
        asking = []
        while not over.is_set():
            asking.append(threading.Thread(target=ask))
            asking[-1].start()
            time.sleep(0.005)
        for thread in asking:
            thread.join()

    write_server(folder, "text start")
    up.serves("text start")
    client = threading.Thread(target=load)
    client.start()
    try:
        for number in range(_SWAPS):
            write_server(folder, f"text {number}")
            up.serves(f"text {number}")
    finally:
        over.set()
        client.join()
    assert wrong == []
    assert answered > 10 * _SWAPS


def test_recreate_swaps_too_and_brings_the_old_one_back_on_failure(folder: Path, start: StartUp) -> None:
    write_project(folder)
    # Docker takes another free port each time it is asked for any.
    up = start("--swap", "recreate", port=f"{_free_port()}:8000")
    served = up.served(bound=120)
    assert served["strategy"] == "recreate"
    write_server(folder, "two")
    second = up.served(after=served["seq"])
    up.serves("two")
    (folder / "server.py").write_text("raise SystemExit(4)\n")
    failed = up.wait_for("release.failed", after=second["seq"])
    assert failed["serving"] == second["revision"]
    up.serves("two")
    write_server(folder, "three")
    up.served(after=failed["seq"])
    up.serves("three")
    assert up.of("app.exited") == []


def test_a_changed_port_answers_at_once_and_the_old_one_until_the_swap(folder: Path, start: StartUp) -> None:
    write_project(folder)
    first, second = _free_port(), _free_port()
    settings = folder / "devbox.toml"
    settings.write_text(f'ports = ["{first}:8000"]\n')
    up = start(port="")
    served = up.served(bound=120)
    dockerfile = folder / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("echo installing", "false"))
    up.wait_for("build.failed", after=served["seq"])
    settings.write_text(f'ports = ["{second}:8000", "{first}:8000"]\n')
    up.until(lambda: answer(f"http://127.0.0.1:{second}") == "one", "the new port")
    assert answer(f"http://127.0.0.1:{first}") == "one"
    settings.write_text(f'ports = ["{second}:8000"]\n')
    dockerfile.write_text(text)
    up.until(lambda: up.of("release.served")[-1]["url"].endswith(f":{second}"), "the swap")
    up.until(lambda: answer(f"http://127.0.0.1:{first}") == "", "the end of the old port")
    assert answer(f"http://127.0.0.1:{second}") == "one"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
