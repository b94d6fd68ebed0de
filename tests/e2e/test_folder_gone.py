"""The project's folder is deleted, made again, and deleted for good; and so is that of devbox itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import docker

from devbox.daemon.lock import runtime_directory
from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp, left_behind
from tests.e2e.devboxes import answer, run


def test_what_served_goes_on_a_new_folder_is_built_and_down_finds_it_by_its_path(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    shutil.rmtree(folder)
    failed = up.wait_for("build.failed")
    assert failed["failure"]["what"] == f"the build context {folder} is gone"
    waited = run("wait", str(folder), "--timeout", "30")
    assert (waited.returncode, "is gone; revision 1 still serves" in waited.stderr) == (1, True), waited
    assert answer(up.url) == "one"
    folder.mkdir()
    write_project(folder, "made again")
    up.serves("made again")
    write_server(folder, "and saved")
    up.serves("and saved")
    shutil.rmtree(folder)
    up.wait_for("build.failed", after=up.of("release.served")[-1]["seq"])
    found = json.loads(run("status", str(folder), "--json").stdout)
    assert (found["state"], found["project"]) == ("serving", folder.name)
    assert run("down", str(folder)).returncode == 0
    assert up.process.wait(20) == 0
    assert left_behind(engine, folder.name) == []
    assert answer(up.url) == ""


def test_a_runtime_folder_that_went_with_a_login_session_is_made_again(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    directory = runtime_directory(folder)
    before = json.loads(run("status", str(folder), "--json").stdout)
    shutil.rmtree(directory.parent)
    up.until(lambda: all((directory / name).exists() for name in ("lock", "api.sock", "gate.sock")), "it")
    found = json.loads(run("status", str(folder), "--json").stdout)
    assert (found["daemon"], found["gate"]) == (up.process.pid, before["gate"])
    write_server(folder, "two")
    assert run("wait", str(folder)).returncode == 0
    up.serves("two")
    assert run("down", str(folder)).returncode == 0
    assert up.process.wait(20) == 0
    assert left_behind(engine, folder.name) == []
    assert answer(up.url) == ""
