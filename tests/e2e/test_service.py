"""`devbox service`, and what `devbox up` tells the manager that started it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.programs import program
from tests.e2e.apps import write_project
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import BOUND, run, wait_until


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with (
        tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound,
    ):
        bound.bind(f"{directory}/notify")
        bound.settimeout(BOUND)
        yield bound


def test_a_manager_hears_when_it_is_ready_what_serves_and_when_it_stops(
    folder: Path, manager: socket.socket, start: StartUp
) -> None:
    write_project(folder)
    up = start(NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="200000")
    heard: list[str] = []

    def hears(word: str) -> bool:
        heard.extend(manager.recv(65536).decode().split("\n"))
        return any(line.startswith(word) for line in heard)

    wait_until(lambda: hears("READY=1"), "ready")
    wait_until(lambda: hears("STATUS=revision 1 serving http://127.0.0.1:"), "what serves", 120)
    up.process.send_signal(signal.SIGTERM)
    wait_until(lambda: hears("STATUS=stopped: terminated"), "the end")
    assert up.process.wait(BOUND) == 0
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert "WATCHDOG=1" in heard


@pytest.mark.parametrize("name", ["shop", 'a b %h $HOME ${X} \\n "q" \'é; #'])
def test_systemd_finds_nothing_wrong_with_the_unit(
    folder: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = folder / name
    project.mkdir()
    write_project(project)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    # No systemd answers at an address where there is none.
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    done = run("service", "install", str(project), HTTPS_PROXY='http://me:a%20"b$c\\@proxy')
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done
    assert "is written, but no systemd user instance answers" in done.stderr
    state = json.loads(run("service", "status", str(project), "--json").stdout)
    assert (state["installed"], state["enabled"], state["active"]) == (True, False, "")
    assert f"systemctl --user enable --now {state['unit']}" in done.stderr
    command = [str(program("systemd-analyze")), "--user", "verify", state["path"]]
    found = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    assert run("service", "uninstall", str(project)).returncode == 0
    assert not Path(state["path"]).exists()
    # systemd-analyze leaves an empty folder.
    for left in sorted(Path(os.environ["XDG_RUNTIME_DIR"]).rglob("*"), reverse=True):
        left.rmdir()
