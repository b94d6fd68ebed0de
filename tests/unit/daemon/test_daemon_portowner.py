"""Who is named as the holder of a port."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devbox.daemon.lock import make_runtime_directory, state_directory
from devbox.daemon.portowner import name_owner
from devbox.events import SessionStarted
from devbox.gate import client as gates
from devbox.model import PortMapping
from devbox.report.journal import Journal


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        folder = tmp_path / "my shop"
        folder.mkdir()
        yield folder


@pytest.fixture
async def port(root: Path) -> AsyncIterator[int]:
    """A port that the gate of the project listens on."""
    directory = make_runtime_directory(root)
    gate = await gates.start(directory / "gate.sock", directory / "gate.log")
    try:
        yield await gate.listen("web", "127.0.0.1", 0)
    finally:
        await gate.close()
        await gates.end(directory / "gate.sock")


async def test_a_gate_is_named_by_its_project_and_what_ends_it(root: Path, port: int) -> None:
    journal = Journal(state_directory(root), pytest.fail)
    journal(SessionStarted(project="shop", root=str(root), urls=(), engine="", version=""))
    journal.close()
    taken = await name_owner(None, PortMapping(host_port=port, container_port=8000))
    assert taken.cause == f"devbox serves shop there, from {root}"
    assert taken.hint.startswith(f"devbox down '{root}', or publish on another one: -p {port + 1}:8000")


async def test_a_gate_without_a_journal_is_a_gate(port: int) -> None:
    taken = await name_owner(None, PortMapping(host_port=port, container_port=8000))
    assert taken.cause.startswith("the gate of another devbox project (pid ")
    assert taken.hint.startswith("stop that, or ")


async def test_any_other_process_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mapping = PortMapping(host_port=listener.getsockname()[1], container_port=8000)
        taken = await name_owner(None, mapping)
    assert "(pid " in taken.cause
    assert "listens on it" in taken.cause
