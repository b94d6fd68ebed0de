"""No connection is refused or reset while revisions take over from each other."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import get

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


def test_recreate_swaps_too(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start("--swap", "recreate", port="0:8000")
    served = up.served(bound=120)
    assert served["strategy"] == "recreate"
    write_server(folder, "two")
    up.served(after=served["seq"])
    up.serves("two")
