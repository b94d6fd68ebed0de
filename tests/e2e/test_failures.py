"""When the new code is broken, the old one goes on answering, and the reason is told."""

from __future__ import annotations

import os
from pathlib import Path

import docker

from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer, get, wait_until


def test_a_syntax_error_keeps_the_old_revision_and_shows_the_traceback(sample: Path, start: StartUp) -> None:
    up = start()
    served = up.served(bound=300)
    main = sample / "app" / "main.py"
    text = main.read_text()
    main.write_text(text + "\ndef broken(:\n")
    failed = up.wait_for("release.failed", after=served["seq"])
    assert failed["serving"] == served["revision"]
    assert failed["failure"]["exit_status"] == 1
    log = "\n".join(failed["failure"]["log"])
    assert "SyntaxError" in log
    assert "/code/app/main.py" in log
    assert "Hello from devbox" in answer(up.url)
    main.write_text(text.replace("Hello from devbox", "Healed"))
    up.serves("Healed")


def test_a_failing_run_names_the_step_and_its_log_and_the_next_save_heals(
    folder: Path, start: StartUp
) -> None:
    write_project(folder)
    up = start()
    served = up.served(bound=120)
    dockerfile = folder / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("echo installing", "echo cannot go on && false"))
    failed = up.wait_for("build.failed", after=served["seq"])
    assert failed["step"].startswith("RUN echo cannot go on")
    assert failed["failure"]["exit_status"] == 1
    assert "cannot go on" in failed["failure"]["log"]
    assert failed["serving"] == served["revision"]
    assert answer(up.url) == "one"
    dockerfile.write_text(text)
    back = up.wait_for("change.ignored", after=failed["seq"])
    assert back["reason"] == f"back to what revision {served['revision']} serves"
    write_server(folder, "two")
    up.serves("two")


def test_a_container_that_exits_at_boot_keeps_the_old_revision(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start()
    served = up.served(bound=120)
    (folder / "server.py").write_text("raise SystemExit('the database is missing')\n")
    failed = up.wait_for("release.failed", after=served["seq"])
    assert "the database is missing" in failed["failure"]["log"]
    assert answer(up.url) == "one"
    write_server(folder, "two")
    up.serves("two")


def test_a_container_that_never_gets_ready_fails_within_its_deadline(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / "devbox.toml").write_text("start_timeout = 2\n")
    up = start()
    served = up.served(bound=120)
    (folder / "server.py").write_text("import time\nprint('thinking', flush=True)\ntime.sleep(600)\n")
    failed = up.wait_for("release.failed", after=served["seq"], bound=20)
    assert "not ready within 2s" in failed["failure"]["what"]
    assert "thinking" in failed["failure"]["log"]
    assert answer(up.url) == "one"


def test_a_dockerfile_that_does_not_parse_is_told_with_its_line_and_healed(
    folder: Path, start: StartUp
) -> None:
    write_project(folder)
    up = start()
    served = up.served(bound=120)
    dockerfile = folder / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("COPY server.py .", "COPPY server.py ."))
    failed = up.wait_for("build.failed", after=served["seq"])
    assert "COPY" in failed["failure"]["what"] + failed["failure"]["hint"]
    assert "5" in failed["failure"]["what"]
    assert answer(up.url) == "one"
    write_server(folder, "two")
    ignored = up.wait_for("change.ignored", after=failed["seq"])
    assert ignored["paths"] == ["server.py"]
    assert ignored["reason"].startswith("what is on disk cannot be built: ")
    dockerfile.write_text(text)
    up.serves("two")


def test_clients_of_a_first_build_that_fails_are_told_why(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\nRUN echo no luck && exit 3\n")
    up = start()
    up.wait_for("build.failed")
    url = up.of("session.started")[0]["urls"][0]
    status, body = wait_until(lambda: get(url), "an answer")
    assert status == 503
    assert "exit 3" in body
    write_project(folder, "healed")
    up.served()
    assert answer(url) == "healed"


def test_an_application_that_ends_by_itself_is_told_and_started_by_the_next_save(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_project(folder)
    up = start()
    served = up.served(bound=120)
    engine.containers.get(f"devbox-{folder.name}-r{served['revision']}").kill()
    ended = up.wait_for("app.exited", after=served["seq"])
    assert ended["exit_status"] == 137
    os.utime(folder / "server.py")
    up.served(after=ended["seq"])
    assert answer(up.url) == "one"


def test_an_application_that_ignores_sigterm_does_not_hold_up_the_end(folder: Path, start: StartUp) -> None:
    write_project(folder)
    server = folder / "server.py"
    server.write_text(server.read_text().replace("lambda *_: sys.exit(0)", "signal.SIG_IGN"))
    (folder / "devbox.toml").write_text("stop_grace = 1\n")
    up = start()
    up.served(bound=120)
    assert up.interrupt(bound=15) == 130
