"""How a project stands, as the devbox that runs it says."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devbox.config import load_leniently
from devbox.daemon import status
from devbox.daemon.api.server import control_api
from devbox.daemon.lock import ProjectLock, make_runtime_directory
from devbox.daemon.status import read_status, read_statuses
from devbox.engine.fake import FakeEngine
from tests.unit.daemon.kit import Nothing
from tests.unit.test_imports import imported


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        root = tmp_path / "shop"
        root.mkdir()
        yield root


async def test_a_running_devbox_is_asked_and_no_settings_are_read(root: Path) -> None:
    (root / "devbox.toml").write_text("what is no setting\n")
    directory = make_runtime_directory(root)
    with ProjectLock(directory):
        async with control_api(directory, Nothing()):
            (found,) = await read_statuses(root, {})
            modules = await asyncio.to_thread(imported, "status", str(root))
    assert (found.project, found.state) == ("shop", "serving")
    assert "devbox.daemon.status" in modules
    assert modules.isdisjoint({"devbox.config", "devbox.settings", "devbox.engine.values", "docker"})


async def test_one_that_was_started_before_an_upgrade_tells_what_it_knows(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def older(*arguments: Any, **options: Any) -> Any:
        told = Nothing().status().model_dump()
        del told["rolled_back"]
        return told

    monkeypatch.setattr(status, "ask", older)
    with ProjectLock(make_runtime_directory(root)):
        (found,) = await read_statuses(root, {})
    assert found.project == "shop"


async def test_of_a_folder_that_never_was_a_project_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def engine() -> FakeEngine:
        return FakeEngine()

    monkeypatch.setattr("devbox.engine.connect", engine)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    root = tmp_path / "empty"
    root.mkdir()
    found = await read_status(load_leniently(root, {}))
    never = f"{root} has no Dockerfile, and devbox has never run there"
    step = "name the project's folder, or start it there: devbox up PATH"
    assert (found.state, found.reason) == ("stopped", f"{never}; {step}")
    (root / "Dockerfile").touch()
    assert (await read_status(load_leniently(root, {}))).reason == ""
