"""What is put into a project's folder, and what never is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from devbox.errors import UsageError
from devbox.generate.write import Change, compare, write


def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


class TestWithoutHardLinks:
    @pytest.fixture(autouse=True)
    def on_a_memory_stick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", refuse)

    def test_a_file_is_written(self, tmp_path: Path) -> None:
        (change,) = compare({tmp_path / "Dockerfile": "FROM x\n"})
        write(change)
        assert (tmp_path / "Dockerfile").read_text() == "FROM x\n"
        assert [path.name for path in tmp_path.iterdir()] == ["Dockerfile"]

    def test_one_that_appeared_meanwhile_stays(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM mine\n")
        with pytest.raises(UsageError, match="cannot be written"):
            write(Change(tmp_path / "Dockerfile", None, "FROM x\n"))
        assert (tmp_path / "Dockerfile").read_text() == "FROM mine\n"
        assert [path.name for path in tmp_path.iterdir()] == ["Dockerfile"]
