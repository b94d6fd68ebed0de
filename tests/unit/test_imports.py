"""What a verb that people type often does not import: that is what keeps it quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = {"asyncio", "docker", "pydantic", "requests", "rich", "uvloop", "watchfiles"}


def imported(*arguments: str) -> set[str]:
    """The modules that a command has imported by its end."""
    script = (
        "import sys\n"
        "from devbox.cli import main\n"
        f"sys.argv = ['devbox', *{arguments!r}]\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    return set(done.stderr.split())


def test_help_imports_nothing_heavy() -> None:
    found = imported("--help")
    assert "devbox.cli" in found
    assert found.isdisjoint(_HEAVY)


@pytest.mark.parametrize("arguments", [("up", "--help"), ("doctor", "--help"), ("version",)])
def test_what_needs_no_settings_reads_none(arguments: tuple[str, ...]) -> None:
    found = imported(*arguments)
    # typer itself reads arguments with pydantic.
    assert found.isdisjoint((_HEAVY - {"asyncio", "pydantic"}) | {"devbox.config", "devbox.events"})


def test_status_imports_only_what_asks_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    found = imported("status", str(tmp_path))
    assert {"devbox.daemon.status", "docker"} <= found
    assert found.isdisjoint({"rich", "uvloop", "watchfiles", "httptools", "google.protobuf", "psutil"})
    # The folder has no compose file.
    assert found.isdisjoint({"yaml", "devbox.compose.read"})
    assert found.isdisjoint(
        {"devbox.events", "devbox.report.plain", "devbox.daemon.loop", "devbox.build.plan"}
    )


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("devbox.report.explain", ("explain",)), ("devbox.daemon.buildlog", ("logs", "--build", "1"))],
)
def test_what_reads_the_journal_needs_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = imported(*arguments, str(tmp_path))
    assert module in found
    assert found.isdisjoint({"docker", "requests", "rich", "watchfiles", "devbox.daemon.loop"})


def test_advice_needs_no_engine_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\n")
    found = imported("explain", str(tmp_path))
    assert "devbox.build.advice" in found
    assert found.isdisjoint({"docker", "requests", "rich", "uvloop", "grpclib", "devbox.daemon.loop"})
