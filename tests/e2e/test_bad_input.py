"""Bad input and faults: each its own clear error and exit code, and nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from tests.e2e.apps import write_project
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer, run, wait_until


@pytest.fixture
def project(folder: Path) -> Path:
    write_project(folder)
    return folder


def test_no_engine(project: Path) -> None:
    done = run("up", str(project), DOCKER_HOST="unix:///nowhere/docker.sock")
    assert done.returncode == 3
    assert "/nowhere/docker.sock" in done.stderr


def test_ctrl_c_while_the_engine_has_not_answered_yet(project: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "devbox", "up", str(project), "--output", "plain"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/s"},
        )
        silent.settimeout(20)
        asked, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        asked.close()
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_no_permission_on_the_socket(project: Path, tmp_path: Path) -> None:
    # Root may open any socket; a TCP port nobody listens on is the nearest thing that a root test can see.
    done = run("up", str(project), DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr


def test_no_dockerfile(folder: Path) -> None:
    done = run("up", str(folder))
    assert done.returncode == 2
    assert "there is no Dockerfile" in done.stderr
    assert "--dockerfile" in done.stderr


def test_a_dockerfile_that_does_not_parse(project: Path) -> None:
    (project / "Dockerfile").write_text("FROM python:3.13-slim\nRUNN true\n")
    done = run("up", str(project))
    assert done.returncode == 2
    assert "Dockerfile" in done.stderr
    assert "2" in done.stderr
    assert "RUN" in done.stderr


def test_a_base_image_that_cannot_be_pulled(project: Path, start: StartUp) -> None:
    (project / "Dockerfile").write_text("FROM 127.0.0.1:1/nothing:here\nCMD true\n")
    up = start("--no-watch")
    assert up.process.wait(60) == 1
    failed = up.of("build.failed")[0]
    assert "127.0.0.1:1/nothing:here" in failed["failure"]["what"]


def test_a_user_that_the_image_does_not_have(project: Path, start: StartUp) -> None:
    up = start("--no-watch", "-u", "nobody-of-that-name")
    # The engine is there, and it is the application that cannot be started.
    assert up.process.wait(60) == 1
    failed = up.of("release.failed")[0]
    assert "unable to find user nobody-of-that-name" in failed["failure"]["cause"]


def test_a_path_that_is_not_there_or_a_file(project: Path) -> None:
    assert run("up", str(project / "nowhere")).returncode == 2
    done = run("up", str(project / "server.py"))
    assert done.returncode == 2
    assert "is a file" in done.stderr


def test_a_host_port_that_is_taken_by_a_process(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("up", str(project), "-p", f"{port}:8000")
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert str(os.getpid()) in done.stderr


def test_a_host_port_that_is_taken_by_a_container(project: Path, engine: docker.DockerClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    other = engine.containers.run(
        "python:3.13-slim", ["sleep", "600"], detach=True, init=True, ports={"80/tcp": ("127.0.0.1", port)}
    )
    try:
        done = run("up", str(project), "-p", f"{port}:8000")
        assert done.returncode == 2
        assert str(other.name) in done.stderr
    finally:
        other.remove(force=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-p", "eighty"), "eighty"),
        (("-p", "70000:80"), "70000"),
        (("-v", "relative:target"), "absolute"),
        (("-v", "/nowhere/at/all:/data"), "/nowhere/at/all"),
        (("-e", "=value"), "-e"),
        (("--env-file", "missing.env"), "missing.env"),
        (("--target", "nosuch"), "nosuch"),
        (("-m", "lots"), "-m 'lots'"),
        (("--network", "host"), "--network 'host'"),
        (("--restart", "sometimes"), "--restart 'sometimes'"),
        (("--health-interval", "5"), "--health-interval '5'"),
        (("-l", "dev.devbox.role=x"), "-l 'dev.devbox.role'"),
        (("--swap", "sideways"), "sideways"),
        (("--nonsense",), "nonsense"),
    ],
)
def test_bad_flags(project: Path, arguments: tuple[str, ...], told: str) -> None:
    done = run("up", str(project), *arguments)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('prots = ["80"]', "'ports'"),
        ("keep_images = 0", "keep_images"),
        ("start_timeout = 'long'", "start_timeout"),
        ("not toml at all", "devbox.toml"),
    ],
)
def test_bad_settings(project: Path, settings: str, told: str) -> None:
    (project / "devbox.toml").write_text(settings)
    for verb in ("up", "config"):
        done = run(verb, str(project))
        assert done.returncode == 2
        assert told in done.stderr
    for verb in ("status", "down"):
        assert run(verb, str(project)).returncode == 0


def test_a_fifo_in_the_context(project: Path) -> None:
    os.mkfifo(project / "pipe")
    done = run("up", str(project))
    assert done.returncode == 2
    assert "pipe" in done.stderr


def test_odd_names_links_and_sockets_in_the_context_are_served(project: Path, start: StartUp) -> None:
    dockerfile = project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("COPY server.py .", "COPY . ."))
    (project / "new\nline").write_text("a")
    (project / ("long" * 40)).write_text("b")
    (project / "héllo wörld").write_text("c")
    (project / "dangling").symlink_to("nowhere")
    (project / "linked").symlink_to("héllo wörld")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(project)
        listener.bind("s.sock")
        os.chdir("/")
        up = start()
        up.served(bound=120)
    assert answer(up.url) == "one"
    assert answer(up.url, "/read/code/" + "long" * 40) == "b"
    assert answer(up.url, "/read/code/linked") == "c"


def test_a_second_up_on_one_project_with_other_settings(project: Path, start: StartUp) -> None:
    up = start()
    up.served(bound=120)
    done = run("up", str(project), "-e", "OTHER=1")
    assert done.returncode == 4
    assert str(up.process.pid) in done.stderr
    assert answer(up.url) == "one"


def test_an_application_out_of_reach_is_told_soon_and_why(project: Path, start: StartUp) -> None:
    server = project / "server.py"
    server.write_text(server.read_text().replace('"0.0.0.0"', '"127.0.0.1"'))
    up = start()
    failed = up.wait_for("release.failed", bound=120)
    assert "127.0.0.1" in failed["failure"]["cause"]
    assert "0.0.0.0" in failed["failure"]["hint"]


def test_a_log_inside_the_project_does_not_set_off_builds(project: Path, start: StartUp) -> None:
    log = project / "devbox.log"
    command = [sys.executable, "-m", "devbox", "up", str(project), "-p", "0:8000"]
    with log.open("w") as stream:
        refused = subprocess.run(
            command, stdout=stream, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert refused.returncode == 2
    assert "devbox.log" in refused.stderr
    (project / ".dockerignore").write_text("*.log\n")
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "revision 1 serving" in log.read_text(), "the first revision", 120)
        url = next(word for word in log.read_text().split() if word.startswith("http://"))
        for _ in range(100):
            assert answer(url) == "one"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert "touched" not in log.read_text()
    assert log.read_text().count("build ") == 2
