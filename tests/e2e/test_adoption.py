"""`kill -9` of devbox: the port goes on answering, and the next `up` takes over what runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import docker
import psutil

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp, containers_of
from tests.e2e.devboxes import answer, run, wait_until


def _containers(engine: docker.DockerClient, project: str) -> list[str]:
    return [str(item.id) for item in containers_of(engine, project)]


def _asks(pid: int) -> bool:
    """Whether the process is connected to a devbox: an event loop has a pair of sockets of its own."""
    return len(psutil.Process(pid).net_connections("unix")) > 2


def test_what_a_killed_devbox_served_goes_on_and_is_adopted_without_a_restart(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    first = start()
    served = first.served(bound=120)
    url = first.url
    before = _containers(engine, folder.name)
    first.kill()
    for _ in range(20):
        assert answer(url) == "one"
    (left,) = map(json.loads, run("status", "--all", "--json").stdout.splitlines())
    assert (left["root"], left["state"], left["daemon"]) == (str(folder), "serving", None)
    assert " unwatched " in run("status", "--all").stdout
    second = start()
    adopted = second.served()
    assert adopted["strategy"] == "adopted"
    assert adopted["revision"] == served["revision"]
    assert adopted["url"] == url
    assert _containers(engine, folder.name) == before
    write_server(folder, "two")
    second.serves("two")
    assert second.url == url
    assert second.of("build.started")[0]["build"] > served["revision"]


def test_edits_made_while_devbox_was_away_are_served_by_the_next_up(folder: Path, start: StartUp) -> None:
    write_project(folder)
    first = start()
    first.served(bound=120)
    url = first.url
    first.kill()
    write_server(folder, "made meanwhile")
    assert answer(url) == "one"
    second = start()
    second.served()
    second.serves("made meanwhile")
    assert second.of("build.started")[0]["cause"] == "changed while devbox was not running"


def test_a_devbox_killed_in_the_middle_of_a_swap_leaves_the_old_revision_and_no_leftovers(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    (folder / "devbox.toml").write_text("warm = false\n")
    first = start()
    first.served(bound=120)
    server = folder / "server.py"
    server.write_text("import time\ntime.sleep(5)\n" + server.read_text().replace("'one'", "'two'"))
    first.wait_for("release.started", after=first.seq)
    command = [sys.executable, "-m", "devbox", "wait", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting:
        try:
            wait_until(lambda: _asks(waiting.pid), "its question")
            first.kill()
            assert waiting.wait(10) == 1
        finally:
            waiting.kill()
        assert waiting.stderr is not None
        assert "devbox ended without an answer" in waiting.stderr.read()
    assert answer(first.url) == "one"
    second = start()
    second.served()
    second.serves("two")
    assert second.interrupt() == 130
    assert _containers(engine, folder.name) == []


def test_down_ends_what_a_killed_devbox_left(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    up.kill()
    assert run("down", str(folder)).returncode == 0
    assert _containers(engine, folder.name) == []
    assert answer(up.url) == ""


def test_the_gate_is_started_again_when_it_dies(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    os.kill(json.loads(run("status", str(folder), "--json").stdout)["gate"], signal.SIGKILL)
    up.serves("one")
    write_server(folder, "two")
    up.serves("two")
