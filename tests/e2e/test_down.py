"""After the end nothing of ours is left, and everything of others is untouched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import docker
import psutil
import pytest

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp, containers_of, left_behind
from tests.e2e.devboxes import answer, run, wait_until


def test_ctrl_c_and_down_leave_nothing_and_touch_nothing_foreign(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    foreign = engine.containers.run("python:3.13-slim", ["sleep", "600"], detach=True, init=True)
    try:
        images = _foreign_images(engine)
        networks = {network.id for network in engine.networks.list()}
        up = start()
        up.served(bound=120)
        write_server(folder, "two")
        up.serves("two")
        assert up.interrupt() == 130
        assert left_behind(engine, folder.name) == []
        assert run("down", str(folder)).returncode == 0
        assert left_behind(engine, folder.name) == []
        foreign.reload()
        assert foreign.status == "running"
        assert images <= _foreign_images(engine)
        assert networks == {network.id for network in engine.networks.list()}
        runtime = os.environ["XDG_RUNTIME_DIR"]
        commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
        assert [command for command in commands if runtime in command] == []
    finally:
        foreign.remove(force=True)


def _foreign_images(engine: docker.DockerClient) -> set[str]:
    return {str(image.id) for image in engine.images.list() if "dev.devbox.project" not in image.labels}


def test_down_ends_a_running_devbox(folder: Path, start: StartUp, engine: docker.DockerClient) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    down = run("down", str(folder))
    assert down.returncode == 0
    assert up.process.wait(20) == 0
    assert left_behind(engine, folder.name) == []


def test_down_of_what_never_ran_is_fine(folder: Path) -> None:
    write_project(folder)
    assert run("down", str(folder)).returncode == 0


def test_down_says_who_else_runs_under_the_name_and_leaves_it_alone(folder: Path, start: StartUp) -> None:
    write_project(folder)
    same = folder.parent / "elsewhere" / folder.name
    same.mkdir(parents=True)
    write_project(same)
    up = start()
    up.served(bound=120)
    down = run("down", str(same), "--volumes")
    assert (down.returncode, down.stdout.splitlines()) == (
        0,
        [
            f"devbox: {folder.name} is down in {same}",
            f"devbox: {folder} runs under the same name and goes on; devbox down there ends it",
        ],
    )
    assert f"devbox: {folder} runs under the same name" in run("status", str(same)).stdout
    assert answer(up.url) == "one"
    down = run("down", str(folder))
    assert down.stdout.splitlines()[-1] == f"devbox: {folder.name} is down"
    assert run("down", str(same)).stdout == f"devbox: {folder.name} is down\n"


def test_only_the_last_images_are_kept(folder: Path, start: StartUp, engine: docker.DockerClient) -> None:
    write_project(folder)
    (folder / "devbox.toml").write_text("keep_images = 2\n")
    up = start()
    up.served(bound=120)
    for number in range(5):
        write_server(folder, f"{number}")
        up.serves(f"{number}")
    label = {"label": f"dev.devbox.project={folder.name}"}
    assert up.interrupt() == 130
    tags = sorted(tag for image in engine.images.list(filters=label) for tag in image.tags)
    assert len(tags) <= 3
    newest = up.of("release.served")[-1]["revision"]
    assert f"devbox/{folder.name}:r{newest}" in tags


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGTERM, "terminated"), (signal.SIGHUP, "terminal closed")]
)
def test_the_end_of_a_login_session_leaves_nothing(
    folder: Path, start: StartUp, engine: docker.DockerClient, number: signal.Signals, reason: str
) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    gate = json.loads(run("status", str(folder), "--json").stdout)["gate"]
    # Everything of a session is told to end at once.
    for process in (gate, up.process.pid):
        os.kill(process, number)
    assert up.process.wait(30) == 0
    up.until(lambda: up.of("session.stopped"), "the last event")
    assert up.of("session.stopped")[-1]["reason"] == reason
    assert left_behind(engine, folder.name) == []


def test_a_second_ctrl_c_leaves_at_once(folder: Path, start: StartUp) -> None:
    write_project(folder)
    server = folder / "server.py"
    server.write_text(server.read_text().replace("lambda *_: sys.exit(0)", "signal.SIG_IGN"))
    (folder / "devbox.toml").write_text("stop_grace = 30\n")
    up = start()
    up.served(bound=120)

    # Equal signals that arrive at once are one: a person's fingers are slower, and so is this.
    def impatient() -> bool:
        up.process.send_signal(signal.SIGINT)
        return up.process.poll() is not None

    wait_until(impatient, "the end", 5)
    assert up.process.wait() == 130


def test_ctrl_c_twice_leaves_even_where_nobody_reads_the_output(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    server = folder / "server.py"
    flood = "[print('x' * 200) for _ in iter(int, 1)]"
    thread = f"import threading\nthreading.Thread(target=lambda: {flood}, daemon=True).start()\n"
    server.write_text(thread + server.read_text())
    process = subprocess.Popen(
        [sys.executable, "-m", "devbox", "up", str(folder), "-p", "0:8000", "--output", "plain"],
        stdout=subprocess.PIPE,
    )

    def impatient() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    try:
        wait_until(lambda: any(_running(engine, folder.name)), "a start")
        wait_until(impatient, "the end", 20)
        assert process.wait() == 130
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _running(engine: docker.DockerClient, project: str) -> list[bool]:
    return [item.status == "running" for item in containers_of(engine, project)]


def test_devbox_ends_when_nobody_wants_its_output_any_more(folder: Path, start: StartUp) -> None:
    write_project(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "devbox", "up", str(folder), "-p", "0:8000", "--output", "plain"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
