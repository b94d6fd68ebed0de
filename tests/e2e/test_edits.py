"""Edit -> the same URL answers with the new code."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer, run, wait_until


def test_twenty_edits_of_the_sample_are_served_in_a_row(sample: Path, start: StartUp) -> None:
    up = start()
    up.served(bound=300)
    main = sample / "app" / "main.py"
    text = main.read_text()
    for number in range(20):
        main.write_text(text.replace("Hello from devbox", f"Edit {number}"))
        up.serves(f"Edit {number}")
    assert len(up.of("release.failed")) == len(up.of("build.failed")) == 0


def test_a_changed_requirement_runs_its_step_again_and_the_reason_is_said(
    folder: Path, start: StartUp
) -> None:
    write_project(folder)
    up = start()
    first = up.served(bound=120)["seq"]
    # A text that no build has seen, so that nothing of it can come from the cache.
    (folder / "requirements.txt").write_text(f"# {folder.name}\n")
    up.served(after=first)
    steps = up.wait_for("build.finished", after=first)["steps"]
    ran = {step["instruction"]: step["reason"] for step in steps if step["state"] == "done"}
    assert ran["COPY requirements.txt ."] == "requirements.txt changed"
    line = f"requirements.txt line 1: # none -> # {folder.name}"
    assert ran["RUN echo installing && cat requirements.txt"] == line
    assert up.wait_for("build.started", after=first)["cause"] == "requirements.txt"
    told = run("explain", str(folder)).stdout
    assert "FROM python:3.13-slim cached (" in told
    assert f"s ({line})" in told
    up.kill()
    *explained, last = json.loads(run("explain", str(folder), "--json").stdout)["steps"]
    assert explained == steps[:-1]
    assert last == {**steps[-1], "reason": f"requirements.txt changed; {steps[-1]['reason']}"}


def test_files_added_renamed_and_deleted_are_served(folder: Path, start: StartUp) -> None:
    write_project(folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("COPY server.py .", "COPY . ."))
    up = start()
    up.served(bound=120)
    (folder / "new.txt").write_text("hello")
    up.serves("hello", "/read/code/new.txt")
    (folder / "new.txt").rename(folder / "renamed.txt")
    up.serves("hello", "/read/code/renamed.txt")
    up.serves("(nothing)", "/read/code/new.txt")
    (folder / "renamed.txt").unlink()
    up.serves("(nothing)", "/read/code/renamed.txt")


def test_a_burst_of_2000_files_ends_in_few_builds_and_the_last_state(folder: Path, start: StartUp) -> None:
    write_project(folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("COPY server.py .", "COPY . ."))
    up = start()
    seq = up.served(bound=120)["seq"]
    for number in range(2000):
        path = folder / "data" / f"{number % 50}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"file {number}")
    up.serves("file 1999", "/read/code/data/49/1999.txt")
    assert len([event for event in up.of("build.started") if event["seq"] > seq]) <= 3
    shutil.rmtree(folder / "data")
    up.serves("(nothing)", "/read/code/data/49/1999.txt")


def test_an_edit_during_a_build_wins(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    seq = up.served(bound=120)["seq"]
    (folder / "requirements.txt").write_text("# slow\n")
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("echo installing", f"sleep 3 && echo {folder.name}"))
    up.wait_for("build.step", after=seq, bound=20)

    def states() -> set[str]:
        return {event["step"]["state"] for event in up.of("build.step")}

    wait_until(lambda: "running" in states(), "a running step")
    write_server(folder, "two")
    up.serves("two")
    built = [event for event in up.of("release.served") if event["seq"] > seq]
    assert len(built) == 1


def test_a_touch_builds_nothing_and_says_so(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    seq = up.served(bound=120)["seq"]
    os.utime(folder / "server.py")
    ignored = up.wait_for("change.ignored", after=seq)
    assert ignored["reason"] == "nothing changed"
    assert ignored["paths"] == ["server.py"]
    assert [event for event in up.of("build.started") if event["seq"] > seq] == []


def test_an_edit_back_to_the_old_content_is_served(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    write_server(folder, "two")
    up.serves("two")
    write_server(folder, "one")
    up.serves("one")


def test_a_changed_setting_is_applied_without_a_restart_and_a_bad_one_is_not(
    folder: Path, start: StartUp
) -> None:
    write_project(folder)
    up = start()
    up.served(bound=120)
    settings = folder / "devbox.toml"
    settings.write_text('[environment]\nCOLOUR = "green"\n')
    up.serves("green", "/env/COLOUR")
    settings.write_text('volums = ["x"]\n')

    def reasons() -> str:
        return " ".join(event["reason"] for event in up.of("change.ignored"))

    wait_until(lambda: "volums" in reasons(), "the refusal")
    assert "'volumes'" in reasons()
    assert answer(up.url, "/env/COLOUR") == "green"


def test_a_changed_env_file_is_applied(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / ".env").write_text("COLOUR=red\n")
    (folder / "devbox.toml").write_text('env_file = ".env"\n')
    up = start()
    up.served(bound=120)
    assert answer(up.url, "/env/COLOUR") == "red"
    (folder / ".env").write_text('COLOUR="dark blue"\n')
    up.serves("dark blue", "/env/COLOUR")


def test_a_syntax_line_is_no_obstacle_without_a_registry(folder: Path, start: StartUp) -> None:
    write_project(folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text("# syntax=docker/dockerfile:1\n" + dockerfile.read_text())
    up = start()
    up.served(bound=180)
    assert answer(up.url) == "one"
