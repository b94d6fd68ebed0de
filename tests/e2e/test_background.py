"""`devbox up -d`: it returns when there is something to say, and the daemon goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import left_behind
from tests.e2e.devboxes import answer, get, run, wait_until


@pytest.fixture
def project(folder: Path) -> Iterator[Path]:
    write_project(folder)
    yield folder
    run("down", str(folder))


def begun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("up", str(folder), "-d", "-p", "0:8000", *arguments, bound=120)


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", str(folder), "--json").stdout)
    return found


def test_it_returns_when_the_application_serves_and_goes_on(
    project: Path, engine: docker.DockerClient
) -> None:
    done = begun(project)
    assert done.returncode == 0, done
    assert "devbox: revision 1 serving http://127.0.0.1:" in done.stdout
    (url,) = status(project)["urls"]
    assert answer(url) == "one"
    write_server(project, "two")
    wait_until(lambda: get(url) == (200, "two"), "the new code")
    assert run("down", str(project)).returncode == 0
    assert left_behind(engine, project.name) == []


def test_of_two_that_begin_at_the_same_moment_one_serves_and_both_say_so(project: Path) -> None:
    command = [sys.executable, "-m", "devbox", "up", str(project), "-d", "-p", "0:8000"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert status(project)["state"] == "serving"
    assert run("down", str(project)).returncode == 0


def test_a_first_build_that_fails_is_told_and_healed_by_the_next_save(project: Path) -> None:
    dockerfile = project / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("COPY server.py .", "COPY server.py .\nRUN echo no; exit 7"))
    done = begun(project)
    assert done.returncode == 1, done
    assert "failed: RUN echo no; exit 7 (exit 7)" in done.stdout
    dockerfile.write_text(text)
    found = wait_until(lambda: (found := status(project))["state"] == "serving" and found, "a revision")
    assert answer(found["urls"][0]) == "one"


def test_what_cannot_begin_ends_with_its_own_code(project: Path) -> None:
    (project / "devbox.toml").write_text("prots = 1\n")
    done = begun(project)
    assert done.returncode == 2, done
    assert "unknown setting 'prots'" in done.stderr
    assert status_of_daemon(project) is None


def test_without_waiting_it_returns_once_it_has_begun(project: Path) -> None:
    done = begun(project, "--no-wait", "--output", "jsonl")
    assert done.returncode == 0, done
    assert json.loads(done.stdout.splitlines()[0])["kind"] == "session.started"
    wait_until(lambda: status(project)["state"] == "serving", "a revision", 120)


def test_ctrl_c_while_it_is_waited_for_ends_all_of_it(project: Path, engine: docker.DockerClient) -> None:
    dockerfile = project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN sleep 60\n")
    command = [sys.executable, "-m", "devbox", "up", str(project), "-d", "-p", "0:8000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        while "build 1 started" not in waiting.stdout.readline():
            pass
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(30) == 130
    assert status_of_daemon(project) is None
    assert left_behind(engine, project.name) == []


def status_of_daemon(folder: Path) -> int | None:
    (folder / "devbox.toml").unlink(missing_ok=True)
    found: int | None = status(folder)["daemon"]
    return found


def test_logs_are_those_of_the_application_also_after_a_swap(project: Path, tmp_path: Path) -> None:
    assert run("logs", str(project)).returncode == 2
    assert begun(project).returncode == 0
    (url,) = status(project)["urls"]
    answer(url, "/env/EARLY")
    wait_until(lambda: "GET /env/EARLY" in run("logs", str(project)).stdout, "the request in the log")
    assert len(run("logs", str(project), "--tail", "1").stdout.splitlines()) == 1
    log = tmp_path / "followed"
    command = [sys.executable, "-m", "devbox", "logs", str(project), "-f"]
    with log.open("w") as file, subprocess.Popen(command, stdout=file) as following:
        wait_until(lambda: "GET /env/EARLY" in log.read_text(), "what was written before")
        write_server(project, "two")
        wait_until(lambda: get(url) == (200, "two"), "the new code")
        answer(url, "/env/NEWS")
        wait_until(lambda: "GET /env/NEWS" in log.read_text(), "what the next revision writes")
        assert run("down", str(project)).returncode == 0
        assert following.wait(20) == 0
    assert all(line.startswith('"GET ') for line in log.read_text().splitlines())


def test_what_a_builds_steps_wrote_is_told_while_it_is_built_and_after_devbox_ended(project: Path) -> None:
    dockerfile = project / "Dockerfile"
    slow = "RUN echo begins; sleep 3; echo warns >&2"
    # A layer that no build has made yet.
    dockerfile.write_text(dockerfile.read_text() + f"{slow}; echo {project.name}\n")
    assert begun(project, "--no-wait").returncode == 0
    wait_until(lambda: "begins" in run("logs", str(project), "--build", "1").stdout, "its first line", 120)
    followed = run("logs", str(project), "--build", "1", "-f", bound=120)
    assert followed.returncode == 0, followed
    words = [line for line in followed.stdout.splitlines() if not line.startswith("devbox: ")]
    assert words[-2:] == ["begins", project.name]
    assert followed.stderr == "warns\n"
    assert f"devbox: {slow}; " in followed.stdout
    wait_until(lambda: status(project)["state"] == "serving", "a revision", 120)
    assert run("down", str(project)).returncode == 0
    after = run("logs", str(project), "--build", "1", "--tail", "2", DOCKER_HOST="unix:///nowhere")
    assert (after.returncode, after.stderr) == (0, "warns\n")
    assert after.stdout.splitlines()[1:] == [project.name]
    unknown = run("logs", str(project), "--build", "2")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert f"no build 2 of {project.name} is known" in unknown.stderr
