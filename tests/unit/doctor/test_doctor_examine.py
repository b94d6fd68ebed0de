"""An examination of real folders and ports, on the fake engine."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from devbox.daemon import lookover
from devbox.doctor import examine as examining
from devbox.doctor import gather
from devbox.doctor.examine import examine
from devbox.doctor.finding import Diagnosis, Finding, State
from devbox.engine.fake import Behaviour, FakeBuild, FakeEngine
from devbox.engine.values import ContainerSpec, EngineInfo
from devbox.errors import ConfigError, EngineUnreachable
from devbox.model import LABEL_PROJECT, LABEL_ROOT, LABEL_USER

CHECKS = [
    "settings",
    "engine",
    "buildkit",
    "image store",
    "disk",
    "project",
    "dockerfile",
    "base image",
    "cache order",
    "context",
    "secrets",
    "ports",
    "inotify",
    "clock",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A healthy project, with any free port."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(gather, "_rooms", lambda _: ())
    root = tmp_path / "shop"
    root.mkdir()
    (root / "Dockerfile").write_text('FROM base:1\nCOPY app.py .\nCMD ["python", "app.py"]\n')
    (root / "app.py").write_text("print()\n")
    (root / "devbox.toml").write_text('ports = ["0:8000"]\n')
    return root


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with the base image and the right time."""
    info = EngineInfo("Fake", "1.0", "1.51", "fake://", True, True, image_store="overlay2", clock=time.time())
    made = FakeEngine(info)
    made.add_image("base:1")
    return made


async def look(root: Path, engine: FakeEngine | None) -> Diagnosis:
    async def connect() -> FakeEngine:
        if engine is None:
            raise EngineUnreachable("no engine answers at fake://", cause="refused", hint="start it")
        return engine

    return await examine(root, {}, connect)


def paths(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def of(found: Diagnosis, check: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.check == check]


def one(found: Diagnosis, check: str) -> Finding:
    (only,) = of(found, check)
    return only


async def test_a_healthy_project_is_looked_at_from_all_sides(project: Path, engine: FakeEngine) -> None:
    found = await look(project, engine)
    assert list(dict.fromkeys(finding.check for finding in found.findings)) == CHECKS
    assert found.worst is State.OK
    assert not any(finding.next_step for finding in found.findings)
    assert (found.project, found.exit_code) == ("shop", 0)


async def test_nothing_is_made_but_the_build_that_is_refused(project: Path, engine: FakeEngine) -> None:
    before = paths(project)
    await look(project, engine)
    assert [entry for entry in engine.journal if not entry.startswith("build devbox-doctor:")] == []
    assert paths(project) == before


async def test_without_an_engine_the_rest_is_told_and_what_needs_it_in_one_line(project: Path) -> None:
    found = await look(project, None)
    assert found.exit_code == 3
    assert one(found, "engine").next_step == "start it"
    assert one(found, "not looked at").text == "buildkit, image store, base image: no engine answers"
    for check in ("dockerfile", "cache order", "context", "secrets", "ports", "inotify", "clock"):
        assert one(found, check).state is State.OK


async def test_an_engine_that_goes_away_meanwhile(project: Path, engine: FakeEngine) -> None:
    engine.lose()
    found = await look(project, engine)
    assert found.exit_code == 3
    assert one(found, "context").state is State.OK


async def test_settings_that_cannot_be_read(project: Path, engine: FakeEngine) -> None:
    (project / "devbox.toml").write_text('project = "shop-2"\nprots = ["80"]\n')
    found = await look(project, engine)
    assert (found.exit_code, found.project) == (2, "shop-2")
    assert one(found, "settings").next_step == "did you mean 'ports'?"
    assert one(found, "image store").state is State.OK
    assert one(found, "not looked at").text.endswith(": the settings cannot be read")
    assert not of(found, "ports")


async def test_no_verb_that_fails_by_itself_is_advised(project: Path, engine: FakeEngine) -> None:
    (project / "devbox.toml").write_text("ports = 1\n")
    found = await look(project, engine)
    assert "devbox config" not in one(found, "settings").next_step


async def test_a_folder_that_is_not_there(tmp_path: Path, engine: FakeEngine) -> None:
    with pytest.raises(ConfigError):
        await look(tmp_path / "nowhere", engine)


@pytest.mark.parametrize("text", [None, "FROM base:1\nRUNN x\n", "FROM base:1\nCOPY --from=7 a b\n"])
async def test_a_dockerfile_that_cannot_be_used(project: Path, engine: FakeEngine, text: str | None) -> None:
    if text is None:
        (project / "Dockerfile").unlink()
    else:
        (project / "Dockerfile").write_text(text)
    found = await look(project, engine)
    assert found.exit_code == 1
    assert one(found, "dockerfile").state is State.FAILURE
    assert "the Dockerfile cannot be used" in one(found, "not looked at").text
    assert one(found, "ports").state is State.OK


async def test_a_context_that_cannot_be_sent(project: Path, engine: FakeEngine) -> None:
    os.mkfifo(project / "pipe")
    found = await look(project, engine)
    assert found.exit_code == 1
    assert "pipe" in one(found, "context").text
    assert one(found, "base image").state is State.OK


async def test_a_context_that_takes_too_long(
    project: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookover, "_SURVEY_SECONDS", 0.0)
    assert ".dockerignore" in one(await look(project, engine), "context").next_step


async def test_secrets_and_history_in_the_context(project: Path, engine: FakeEngine) -> None:
    (project / "Dockerfile").write_text("FROM base:1\nCOPY . .\n")
    (project / ".git").mkdir()
    (project / ".git" / "HEAD").write_text("x")
    (project / ".env").write_text("A=1")
    os.utime(project / "app.py", (time.time() + 9000,) * 2)
    found = await look(project, engine)
    assert found.exit_code == 0
    assert one(found, "secrets").next_step.startswith("add to .dockerignore the line .env; env_file")
    assert of(found, "context")[1].next_step == "add to .dockerignore the line .git"
    assert "app.py" in of(found, "clock")[1].text


async def test_base_images_of_a_registry(project: Path, engine: FakeEngine) -> None:
    (project / "Dockerfile").write_text(
        "FROM base:1 AS one\nFROM far:2\nCOPY --from=gone:3 /a /a\nCOPY --from=one / /\n"
    )
    engine.registry["far:2"] = Behaviour()
    states = [finding.state for finding in of(await look(project, engine), "base image")]
    assert states == [State.OK, State.OK, State.FAILURE]


async def test_base_images_while_offline_are_a_warning(project: Path, engine: FakeEngine) -> None:
    (project / "Dockerfile").write_text("FROM far:2\n")
    engine.offline = True
    found = one(await look(project, engine), "base image")
    assert found.state is State.WARNING
    assert "docker pull far:2" in found.next_step


async def test_a_builder_that_hangs(
    project: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "_BUILDER_SECONDS", 0.05)
    engine.builds = [FakeBuild(proceed=asyncio.Event())]
    found = await look(project, engine)
    assert one(found, "buildkit").state is State.FAILURE
    assert engine.cancelled


async def test_an_engine_without_buildkit_is_not_given_a_build(project: Path, engine: FakeEngine) -> None:
    engine.identity = replace(engine.identity, buildkit=False)
    found = await look(project, engine)
    assert one(found, "buildkit").state is State.WARNING
    assert engine.journal == []


async def test_a_port_that_this_process_holds(project: Path, engine: FakeEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (project / "devbox.toml").write_text(f'ports = ["{port}:8000", "127.0.0.1:0:9000"]\n')
        found, free = of(await look(project, engine), "ports")
    assert found.state is State.FAILURE
    assert f"127.0.0.1:{port} is taken" in found.text
    assert f"pid {os.getpid()}" in found.text
    assert free.state is State.OK


async def test_a_port_of_no_address_here(project: Path, engine: FakeEngine) -> None:
    (project / "devbox.toml").write_text('ports = ["192.0.2.1:8000:8000"]\n')
    assert "no address of this machine" in one(await look(project, engine), "ports").text


async def test_another_folder_with_the_same_name(project: Path, engine: FakeEngine, tmp_path: Path) -> None:
    labels = {LABEL_PROJECT: "shop", LABEL_ROOT: str(tmp_path)}
    await engine.create(ContainerSpec("shop-1", "base:1", labels))
    found = one(await look(project, engine), "project")
    assert found.state is State.FAILURE
    assert str(tmp_path) in found.text


async def test_a_runtime_folder_that_is_of_no_use(
    project: Path, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "devbox").symlink_to(tmp_path)
    found = one(await look(project, engine), "project")
    assert (found.state, "XDG_RUNTIME_DIR" in found.next_step) == (State.FAILURE, True)
    assert "belongs to another user" in found.text


async def test_another_user_in_the_same_folder(project: Path, engine: FakeEngine) -> None:
    labels = {LABEL_PROJECT: "shop", LABEL_ROOT: str(project), LABEL_USER: str(os.getuid() + 54321)}
    await engine.create(ContainerSpec("shop-1", "base:1", labels))
    found = one(await look(project, engine), "project")
    assert (found.state, found.text) == (State.FAILURE, f"user {os.getuid() + 54321} runs this project")


async def test_a_check_that_breaks_takes_no_other_with_it(
    project: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object) -> None:
        raise RuntimeError("a mistake")

    for name in ("bases", "ask", "rooms"):
        monkeypatch.setattr(gather, name, breaks)
    monkeypatch.setattr(examining, "look_over", breaks)
    found = await look(project, engine)
    assert "RuntimeError: a mistake" in one(found, "disk").text
    assert "RuntimeError: a mistake" in one(found, "engine").text
    assert one(found, "dockerfile").state is State.OK
    assert one(found, "ports").state is State.OK


async def test_a_check_that_hangs_is_given_up(
    project: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(examining, "_CHECK_SECONDS", 0.5)
    monkeypatch.setattr(gather, "rooms", hangs)
    found = await look(project, engine)
    assert "no answer in time" in one(found, "disk").text
    assert one(found, "base image").state is State.OK


async def test_work_on_a_thread_is_bounded_and_its_errors_come_through() -> None:
    assert await lookover.on_thread(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        await lookover.on_thread(lambda: 1 // 0, 5)
    late = threading.Event()
    with pytest.raises(TimeoutError):
        await lookover.on_thread(late.wait, 0.01)
    late.set()


def test_a_disk_is_told_once_and_one_that_cannot_be_seen_not_at_all(tmp_path: Path) -> None:
    (together,) = gather._rooms({"images": tmp_path, "the project": tmp_path, "x": tmp_path / "none"})
    assert (together.what, together.path) == ("images and the project", str(tmp_path))
    assert 0 <= together.free <= together.total


async def test_a_dockerfile_that_nobody_has_written(project: Path, engine: FakeEngine) -> None:
    (project / "Dockerfile").unlink()
    (project / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (project / "requirements.txt").write_text("flask\ngunicorn\n")
    (project / ".env").write_text("TOKEN=1\n")
    found = await look(project, engine)
    assert one(found, "dockerfile").state is State.OK
    assert "devbox init would write" in one(found, "dockerfile").text
    assert one(found, "cache order").state is State.OK
    assert one(found, "secrets").state is State.OK
    assert "python:3.13-slim" in one(found, "base image").text
