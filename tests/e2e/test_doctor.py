"""`devbox doctor` on a real engine: all is well with a healthy project, not with a broken one."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import run

FindingDict = dict[str, str]


def examined(root: Path) -> tuple[int, dict[str, list[FindingDict]], dict[str, Any]]:
    """The exit code, the findings by their check, and the whole answer."""
    done = run("doctor", str(root), "--json")
    assert done.stderr == ""
    told = json.loads(done.stdout)
    found: dict[str, list[FindingDict]] = {}
    for finding in told["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return done.returncode, found, told


def test_a_healthy_project_that_devbox_runs_has_no_failure(sample: Path, start: StartUp) -> None:
    up = start()
    up.served(bound=300)
    code, found, told = examined(sample)
    assert code == 0, told
    assert told["project"] == sample.name
    assert told["worst"] != "failure"
    for check in ("engine", "buildkit", "base image", "dockerfile", "cache order", "context", "secrets"):
        assert [finding["state"] for finding in found[check]] == ["ok"], found[check]
    assert str(up.process.pid) in found["project"][0]["text"]
    assert f"{up.url.removeprefix('http://')} is held by this project" in found["ports"][0]["text"]


def test_what_is_broken_is_told_with_the_next_step(folder: Path, engine: docker.DockerClient) -> None:
    (folder / "Dockerfile").write_text(
        "FROM 127.0.0.1:1/nothing:here\nCOPY . .\nRUN pip install -r requirements.txt\nCMD python app.py\n"
    )
    (folder / "app.py").write_text("print()\n")
    (folder / "requirements.txt").write_text("flask\n")
    (folder / ".env").write_text("PASSWORD=x\n")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "devbox.toml").write_text(f'ports = ["{port}:8000"]\n')
        code, found, told = examined(folder)
        plain = run("doctor", str(folder))
    assert (code, told["worst"], plain.returncode) == (1, "failure", 1)
    (ports,) = found["ports"]
    assert ports["state"] == "failure"
    assert f"pid {os.getpid()}" in ports["text"]
    (base,) = found["base image"]
    assert base["state"] == "warning"
    assert "could not be asked" in base["text"]
    assert "docker pull 127.0.0.1:1/nothing:here" in base["next_step"]
    assert "copy requirements.txt before the source" in found["cache order"][0]["next_step"]
    assert found["context"][1]["next_step"] == "add to .dockerignore the line .git"
    assert found["secrets"][0]["text"] == ".env goes into the build: COPY . . (line 2)"
    assert f"\nfailure  ports: {ports['text']}\n         next: {ports['next_step']}\n" in plain.stdout
    made = [image for image in engine.images.list() if "devbox-doctor" in str(image.tags)]
    assert made == []


def test_a_docker_host_that_leads_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . .\n")
    code, found, told = examined(folder)
    assert code == 3, told
    assert "unset DOCKER_HOST" in found["engine"][0]["next_step"]
    assert len(found["not looked at"]) == 1
    assert found["dockerfile"][0]["state"] == "ok"
