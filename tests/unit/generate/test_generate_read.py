"""A folder is read once: what did not change is not read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devbox.generate import read
from devbox.generate.read import Reader
from devbox.watch import Scanner

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, in order."""
    found: list[str] = []
    really = read._read

    def reading(path: Path, most: int) -> str:
        found.append(path.name)
        return really(path, most)

    monkeypatch.setattr(read, "_read", reading)
    return found


def test_only_what_changed_is_read_again(tmp_path: Path, readings: list[str]) -> None:
    (tmp_path / "main.py").write_text(FASTAPI)
    (tmp_path / "other.py").write_text("")
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text("fastapi\n")
    (tmp_path / "data.bin").write_bytes(b"\xff")
    scanner, reader = Scanner(tmp_path), Reader()
    first = reader.read(tmp_path, scanner.scan().entries)
    assert sorted(readings) == ["main.py", "more.txt", "other.py", "requirements.txt"]
    assert set(first.texts) == {"more.txt", "requirements.txt"}
    readings.clear()
    assert reader.read(tmp_path, scanner.scan().entries) is first
    assert readings == []
    (tmp_path / "other.py").write_text("x = 1\n")
    (tmp_path / "more.txt").write_text("flask\n")
    again = reader.read(tmp_path, scanner.scan().entries)
    assert sorted(readings) == ["more.txt", "other.py"]
    assert again.texts["more.txt"] == "flask\n"


def test_what_is_not_the_projects_own_or_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    for name in ("env/lib/site-packages/a.py", ".hidden/b.py", "node_modules/c.py", "good.py", "big.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FASTAPI)
    (tmp_path / "big.py").write_text(FASTAPI + "#" * (1024 * 1024))
    (tmp_path / "gone.py").write_text(FASTAPI)
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "link.py").symlink_to("good.py")
    entries = Scanner(tmp_path).scan().entries
    (tmp_path / "gone.py").unlink()
    os.mkfifo(tmp_path / "gone.py")
    modules = Reader().read(tmp_path, entries).modules
    assert {path for path, module in modules.items() if module.served} == {"good.py"}
    assert {"env/lib/site-packages/a.py", ".hidden/b.py", "node_modules/c.py", "link.py"}.isdisjoint(modules)


def test_requirements_that_powershell_wrote(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("fastapi\r\nuvicorn\r\n".encode("utf-16"))
    assert Reader().read(tmp_path, Scanner(tmp_path).scan().entries).texts == {
        "requirements.txt": "fastapi\r\nuvicorn\r\n"
    }
