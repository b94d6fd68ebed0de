"""Command lines under debugpy."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.config import load
from devbox.engine.values import ImageFacts
from devbox.errors import ConfigError, StartFailed
from devbox.model import PortMapping, Revision
from devbox.release.debugging import debugger_ports, under_debugger, without_debugger
from devbox.release.spec import container_spec
from tests.unit.release.kit import INFO

D = "-m debugpy --listen 0.0.0.0:5678"


@pytest.mark.parametrize(
    ("command", "under"),
    [
        ("uvicorn app.main:app --port 80", f"python {D} -m uvicorn app.main:app --port 80"),
        ("/venv/bin/gunicorn app:app", f"python {D} -m gunicorn app:app"),
        ("flask --app app run", f"python {D} -m flask --app app run"),
        ("fastapi run app/main.py", f"python {D} -m fastapi run app/main.py"),
        ("python server.py --x", f"python {D} server.py --x"),
        ("python -u server.py", f"python -u {D} server.py"),
        ("python -X dev -W ignore -m app", f"python -X dev -W ignore {D} -m app"),
        ("python -um app", f"python -u {D} -m app"),
        ("python3.13 -Xdev -mapp", f"python3.13 -Xdev {D} -m app"),
        ("/entrypoint.sh uvicorn a:b", f"/entrypoint.sh python {D} -m uvicorn a:b"),
        ("tini -- python -m app", f"tini -- python {D} -m app"),
        ("uv run uvicorn a:b", f"uv run python {D} -m uvicorn a:b"),
    ],
)
def test_lists(command: str, under: str) -> None:
    words = command.split()
    assert under_debugger((), words) == tuple(under.split())
    assert under_debugger(words[:1], words[1:]) == tuple(under.split())


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("exec uvicorn a:b --port ${PORT:-80}", f"exec python {D} -m uvicorn a:b --port ${{PORT:-80}}"),
        ("python -u main.py && echo", f"python -u {D} main.py && echo"),
        ("python -m app", f"python {D} -m app"),
    ],
)
def test_shell_form(text: str, under: str) -> None:
    assert under_debugger((), ("/bin/sh", "-c", text)) == ("/bin/sh", "-c", under)


@pytest.mark.parametrize(
    "command",
    [(), ("node", "x.js"), ("/bin/sh", "-c", "cd x && python main.py"), ("python",), ("sh", "-c", "$X y")],
)
def test_what_is_no_python_program_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="cannot be run under debugpy"):
        under_debugger((), command)


def test_an_image_without_debugpy_is_told_what_to_add() -> None:
    bare = StartFailed(
        "exited with status 1", exit_status=1, log=("/usr/bin/python: No module named debugpy",)
    )
    told = without_debugger(bare, ("reqs/dev.txt",))
    assert told.hint == "add a line to reqs/dev.txt: debugpy"
    assert without_debugger(bare, ()).hint == "add a line to requirements.txt: debugpy"
    other = StartFailed("exited", log=("No module named httpx",))
    assert without_debugger(other, ()) is other


def test_the_port_is_open_to_this_machine_only() -> None:
    assert debugger_ports(6000) == (PortMapping("127.0.0.1", 6000, 5678),)


def test_the_container_runs_its_own_command_unless_it_is_debugged(tmp_path: Path) -> None:
    image = ImageFacts(id="i", command=("uvicorn", "a:b"))

    revision = Revision(1, "i", "c", "h")
    plain = container_spec(load(tmp_path, {}, {}), image, revision, INFO, ())
    assert plain.command is None
    assert plain.entrypoint is None
    debugged = container_spec(load(tmp_path, {"debug": True}, {}), image, revision, INFO, ())
    assert debugged.entrypoint == ("python",)
    assert debugged.command == (*D.split(), "-m", "uvicorn", "a:b")
    assert debugged.environment["PYDEVD_DISABLE_FILE_VALIDATION"] == "1"


def test_debug_needs_the_rolling_way_and_a_free_port(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="debug needs swap = rolling"):
        load(tmp_path, {"debug": True, "swap": "recreate"}, {})
    with pytest.raises(ConfigError, match=r"port 127\.0\.0\.1:5678 is published twice"):
        load(tmp_path, {"debug": True, "ports": ("5678:8000",)}, {})
    assert load(tmp_path, {"debug_port": 6000}, {}).config_hash == load(tmp_path, {}, {}).config_hash
    assert load(tmp_path, {"debug": True}, {}).config_hash != load(tmp_path, {}, {}).config_hash
