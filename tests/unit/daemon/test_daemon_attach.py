"""A window on a running devbox, on a terminal of its own: what stands there once it was left."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from devbox.daemon.api.server import control_api
from devbox.daemon.attach import until_served
from devbox.daemon.lock import ProjectLock, make_runtime_directory
from tests.unit.daemon.kit import Nothing
from tests.unit.report.ptys import Screen, on_a_terminal, quiet
from tests.unit.report.terminals import SmallTerminal

# The devbox that it looks at is of the same process, and has nothing behind it.
WINDOW = """
import asyncio
import tempfile
from pathlib import Path
from devbox.daemon.api.server import control_api
from devbox.daemon.attach import attach
from devbox.daemon.lock import make_runtime_directory
from devbox.report import renderer
from tests.unit.daemon.kit import Nothing
from tests.unit.report import sessions
async def main():
    control = Nothing()
    for event in sessions.stamped(sessions.{session}()):
        control.hub(event)
    root = Path(os.environ["XDG_RUNTIME_DIR"])
    async with control_api(make_runtime_directory(root), control):
        with renderer(None, sys.stdout, os.environ, print) as show:
            code = await attach(root, {{}}, os.environ, show, asks={then})
        control.hub.close()
    return code
sys.exit(asyncio.run(main()))
"""
GOES_ON = "devbox: left; devbox goes on (process 1); devbox down ends it"


@pytest.fixture(autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


@pytest.mark.parametrize(("asks", "keys", "code"), [(True, "d", 0), (True, "\x03", 0), (False, "", 130)])
def test_a_window_that_was_left_says_that_devbox_goes_on(asks: bool, keys: str, code: int) -> None:
    with on_a_terminal(WINDOW, str(asks)) as (process, master, slave):
        screen = Screen(master)
        screen.shows("standby ready")
        os.write(master, b"\x03")
        if keys:
            screen.shows("detach")
            os.write(master, keys.encode())
        assert screen.until_ended(process) == code
        assert not quiet(slave)
    terminal = SmallTerminal(80, 24)
    terminal.write(screen.everything)
    assert terminal.text[-2:] == [GOES_ON, ""]
    assert sum(line.startswith("─ sample") for line in terminal.text) == 1
    assert terminal.cursor_shown


async def test_one_that_is_just_beginning_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    directory = make_runtime_directory(tmp_path)
    with ProjectLock(directory):
        joining = asyncio.create_task(until_served(tmp_path, {}, os.environ, said.append, wait=True))
        done, _ = await asyncio.wait({joining}, timeout=0.2)
        assert not done
        async with control_api(directory, Nothing()):
            assert await asyncio.wait_for(joining, 10) == 0
    assert said[0] == "devbox: shop is running already (process 1)"
