"""What is printed keeps to its contract."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker
import jsonschema

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import run, wait_until


def test_every_line_of_jsonl_is_valid_against_the_printed_schema(folder: Path, start: StartUp) -> None:
    schema = json.loads(run("events", "--schema").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    write_project(folder)
    up = start()
    up.served(bound=120)
    os.utime(folder / "server.py")
    up.wait_for("change.ignored")
    write_server(folder, "two")
    up.serves("two")
    (folder / "server.py").write_text("raise SystemExit(4)\n")
    up.wait_for("release.failed")
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\nRUN exit 5\n")
    up.wait_for("build.failed")
    assert up.interrupt() == 130
    assert up.events[-1]["kind"] == "session.stopped"
    for event in up.events:
        validator.validate(event)
    assert [event["seq"] for event in up.events] == list(range(1, len(up.events) + 1))
    assert {event["v"] for event in up.events} == {1}
    kinds = {event["kind"] for event in up.events}
    assert kinds >= {
        "session.started",
        "change.detected",
        "change.ignored",
        "build.started",
        "build.step",
        "build.finished",
        "build.failed",
        "release.started",
        "release.served",
        "release.failed",
        "app.log",
    }
    assert set(up.of("release.served")[0]["timings"]) == {
        "detect",
        "context",
        "build",
        "stage",
        "before_start",
        "boot",
        "flip",
        "total",
    }


def test_plain_lines_are_those_of_the_contract(folder: Path, start: StartUp) -> None:
    write_project(folder)
    log = folder.parent / "up.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "devbox", "up", str(folder), "-p", "0:8000"],
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "revision 1 serving" in log.read_text(), "the first revision", 120)
        # A text that no build has seen, so that its COPY cannot come from the cache.
        write_server(folder, folder.name)
        wait_until(lambda: log.read_text().count(" serving http") == 2, "the second revision")
        # At once: a file that is found truncated has a failure of its own.
        (folder.parent / "new").write_text("FROM python:3.13-slim\nRUN echo no && exit 1\n")
        (folder.parent / "new").replace(folder / "Dockerfile")
        wait_until(lambda: " failed: " in log.read_text(), "the failure")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    text = log.read_text()
    url, seconds = r"http://127\.0\.0\.1:\d+", r"\d+\.\d\d?s"
    for line in (
        r"devbox: build 1 started: first build",
        rf"devbox: revision 1 serving {url} in {seconds} \(build {seconds}, \d of 5 steps cached\)",
        r"devbox: build \d started: server\.py",
        rf"devbox: revision \d serving {url} in {seconds} \(build {seconds}, 4 of 5 steps cached\)",
        r"devbox: build \d started: Dockerfile",
        r"devbox: build \d failed: RUN echo no && exit 1 \(exit 1\)",
    ):
        assert re.search(f"^{line}$", text, re.MULTILINE), f"{line}\n{text}"
    assert "\x1b" not in text


def test_help_names_every_verb_and_flag(folder: Path) -> None:
    said = run("--help").stdout
    for verb in ("up", "down", "status", "config", "version"):
        assert verb in said
    said = run("up", "--help").stdout
    for flag in (
        "-p",
        "-v",
        "-e",
        "--env-file",
        "--dockerfile",
        "--target",
        "--build-arg",
        "--swap",
        "--output",
    ):
        assert flag in said
    assert "--no-watch" in said


def test_status_and_config_as_json(folder: Path, start: StartUp) -> None:
    write_project(folder)
    assert json.loads(run("status", str(folder), "--json").stdout)["state"] == "stopped"
    up = start()
    served = up.served(bound=120)
    status = json.loads(run("status", str(folder), "--json").stdout)
    assert status["state"] == "serving"
    assert status["revision"] == served["revision"]
    assert status["urls"] == [up.url]
    assert status["daemon"] == up.process.pid
    config = json.loads(run("config", str(folder), "--json").stdout)
    assert config["project"] == folder.name
    assert config["sources"]["ports"] == "default"
    running = config["running"]
    assert (running["pid"], running["sources"]) == (up.process.pid, {"ports": "flag"})
    assert running["others"]["ports"][0]["container_port"] == 8000
    lines = run("config", str(folder)).stdout.partition(f"process {up.process.pid} runs this project")[2]
    assert [line.split()[0] for line in lines.splitlines()[1:]] == ["ports"]
    assert up.interrupt() == 130
    assert json.loads(run("config", str(folder), "--json").stdout)["running"] is None


def test_no_watch_serves_and_leaves_the_disk_alone(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start("--no-watch")
    served = up.served(bound=120)
    write_server(folder, "two")
    os.utime(folder / "server.py")
    assert up.interrupt() == 130
    assert [event for event in up.of("build.started") if event["seq"] > served["seq"]] == []


def test_no_watch_ends_with_1_where_the_build_fails(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\nRUN exit 9\n")
    up = start("--no-watch")
    assert up.process.wait(60) == 1
    assert up.of("build.failed")


def test_ctrl_c_while_it_ends_by_itself_lets_it_end(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    server = folder / "server.py"
    server.write_text(server.read_text().replace("sys.exit(0)", 'print("not yet", flush=True)'))
    first = start()
    first.served(bound=120)
    first.kill()
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\nRUN exit 9\n")
    up = start("--no-watch", "--stop-timeout", "4")
    mine: dict[str, Any] = {"label": f"dev.devbox.project={folder.name}"}

    def is_asked_to_end() -> bool:
        return any(b"not yet" in one.logs() for one in engine.containers.list(filters=mine))

    up.until(is_asked_to_end, "its end begins")
    assert up.interrupt() == 1
    assert "Traceback" not in "".join(up.errors)
    assert up.of("session.stopped")
    assert engine.containers.list(all=True, filters=mine) == []
