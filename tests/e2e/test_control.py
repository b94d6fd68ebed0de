"""The verbs that ask a running devbox, and what every window sees of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devbox.daemon.lock import runtime_directory
from tests.e2e.apps import write_project, write_server
from tests.e2e.devboxes import answer, run, wait_until

DEVBOX = (sys.executable, "-m", "devbox")


@pytest.fixture
def project(folder: Path) -> Iterator[Path]:
    write_project(folder)
    begun = run("up", str(folder), "-d", "-p", "0:8000", bound=120)
    assert begun.returncode == 0, begun
    yield folder
    run("down", str(folder))


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", str(folder), "--json").stdout)
    return found


def wait(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("wait", str(folder), *arguments, bound=120)


def test_wait_never_answers_about_older_code(project: Path) -> None:
    (url,) = status(project)["urls"]
    for text in ("two", "three", "four"):
        write_server(project, text)
        assert wait(project).returncode == 0
        assert answer(url) == text


def test_wait_says_why_what_is_on_disk_cannot_serve_and_status_keeps_saying_it(project: Path) -> None:
    dockerfile = project / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(f"{text}RUN echo no; exit 7\n")
    for _ in range(2):
        waited = wait(project)
        assert waited.returncode == 1, waited
        assert "failed: RUN echo no; exit 7" in waited.stderr
        assert "revision 1 still serves" in waited.stderr
    found = status(project)
    assert (found["state"], found["revision"], found["failed"]) == ("serving", 1, 2)
    assert "RUN echo no; exit 7" in found["failure"]["what"]
    assert "the newest save does not serve" in run("status", str(project)).stdout
    dockerfile.write_text(text)
    assert wait(project).returncode == 0
    assert status(project)["failure"] is None


def test_back_to_an_older_revision_and_forward_with_the_next_save(project: Path) -> None:
    (url,) = status(project)["urls"]
    write_server(project, "two")
    assert wait(project).returncode == 0
    back = run("rollback", "1", str(project))
    assert back.returncode == 0, back
    assert "revision 1 serving" in back.stdout
    assert answer(url) == "one"
    waited = wait(project)
    assert waited.returncode == 1
    assert "revision 1 serves since a rollback" in waited.stderr
    again = run("restart", str(project))
    assert again.returncode == 0, again
    assert answer(url) == "one"
    write_server(project, "three")
    assert wait(project).returncode == 0
    assert answer(url) == "three"
    nowhere = run("rollback", "99", str(project))
    assert (nowhere.returncode, "revision 99 is not kept" in nowhere.stderr) == (2, True)


def test_what_never_served_is_not_gone_back_to_after_a_restart_of_devbox(project: Path) -> None:
    server = project / "server.py"
    text = server.read_text()
    server.write_text("raise SystemExit(3)\n")
    assert wait(project).returncode == 1
    assert run("down", str(project)).returncode == 0
    server.write_text(text.replace("'one'", "'three'"))
    begun = run("up", str(project), "-d", "-p", "0:8000", bound=120)
    assert begun.returncode == 0, begun
    (url,) = status(project)["urls"]
    assert answer(url) == "three"
    back = run("rollback", str(project))
    assert (back.returncode, "revision 1 serving" in back.stdout) == (0, True), back
    assert answer(url) == "one"


def test_nothing_is_built_while_watching_is_paused_and_then_the_last_state_is(project: Path) -> None:
    (url,) = status(project)["urls"]
    assert run("pause", str(project)).returncode == 0
    assert status(project)["paused"]
    write_server(project, "two")
    waited = wait(project)
    assert (waited.returncode, "watching is paused" in waited.stderr) == (1, True)
    assert answer(url) == "one"
    assert run("rebuild", str(project)).returncode == 0
    assert answer(url) == "two"
    write_server(project, "three")
    assert run("resume", str(project)).returncode == 0
    assert wait(project).returncode == 0
    assert answer(url) == "three"


def test_a_rebuild_runs_every_step_again_when_asked_to(project: Path) -> None:
    rebuilt = run("rebuild", str(project), "--no-cache", bound=120)
    assert rebuilt.returncode == 0, rebuilt
    assert "build 2 started: asked for" in rebuilt.stdout
    assert status(project)["revision"] == 2


def test_a_second_up_an_event_follower_and_the_journal_tell_the_same(project: Path, tmp_path: Path) -> None:
    shown, followed = tmp_path / "shown", tmp_path / "followed"
    with shown.open("w") as one, followed.open("w") as two:
        windows = [
            subprocess.Popen([*DEVBOX, "up", str(project), "--output", "jsonl"], stdout=one),
            subprocess.Popen([*DEVBOX, "events", str(project), "-f"], stdout=two),
        ]
        try:
            for text in ("two", "three"):
                write_server(project, text)
                assert wait(project).returncode == 0
            assert run("rollback", str(project)).returncode == 0
            assert run("down", str(project)).returncode == 0
            assert [window.wait(30) for window in windows] == [0, 0]
        finally:
            for window in windows:
                window.kill()
                window.wait()
    events = shown.read_text().splitlines()
    assert events == followed.read_text().splitlines()
    numbers = [json.loads(line)["seq"] for line in events]
    assert numbers == list(range(1, len(numbers) + 1))
    kinds = [json.loads(line)["kind"] for line in events]
    assert (kinds[0], kinds[-1]) == ("session.started", "session.stopped")
    journal = run("events", str(project)).stdout.splitlines()
    quiet = [
        line for line in events if json.loads(line)["kind"] not in ("app.log", "build.log", "app.raised")
    ]
    assert [line for line in journal if line in set(quiet)] == quiet


def test_up_where_devbox_runs_already(project: Path) -> None:
    again = run("up", str(project), "-d")
    assert again.returncode == 0, again
    assert "is running already" in again.stdout
    other = run("up", str(project), "-d", "-e", "X=1")
    assert (other.returncode, "with other settings" in other.stderr) == (4, True)


def test_a_command_in_the_container_has_our_streams_and_gives_its_status(project: Path) -> None:
    script = "import sys; print(sys.stdin.read().upper()); print('no', file=sys.stderr); sys.exit(7)"
    done = subprocess.run(
        [*DEVBOX, "exec", "--project", str(project), "python", "-c", script],
        input="hello",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (7, "HELLO", "no")


def test_every_project_that_runs_is_listed(project: Path) -> None:
    lines = run("status", "--all").stdout.splitlines()
    assert any(line.split()[0] == project.name for line in lines[1:])


def test_only_its_user_may_use_the_socket_and_whoever_reads_nothing_holds_nothing_up(project: Path) -> None:
    path = runtime_directory(project) / "api.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    idle = subprocess.Popen([*DEVBOX, "events", str(project), "-f"], stdout=subprocess.PIPE)
    try:
        began = time.monotonic()
        write_server(project, "two")
        assert wait(project).returncode == 0
        assert time.monotonic() - began < 60
    finally:
        idle.kill()
        idle.wait()
        assert idle.stdout is not None
        idle.stdout.close()


def test_without_a_daemon_the_verbs_say_so(folder: Path) -> None:
    write_project(folder)
    for verb in ("rebuild", "restart", "rollback", "pause", "resume", "wait"):
        done = run(verb, str(folder))
        assert (done.returncode, "no devbox runs this project" in done.stderr) == (2, True), done
    wait_until(lambda: status(folder)["state"] == "stopped", "its end")
