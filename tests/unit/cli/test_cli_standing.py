"""Where the shell stands in a folder that was deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from devbox.cli._base import number_and_path, standing


@pytest.fixture
def deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    folder.rmdir()
    return folder


def test_its_path_is_the_one_that_the_shell_remembers(deleted: Path) -> None:
    assert standing(Path()) == deleted
    assert standing(Path("../other")) == deleted / "../other"
    assert number_and_path("17", None) == (17, deleted)
    assert number_and_path(None, None) == (None, deleted)


def test_a_shell_that_does_not_tell_is_told_to_leave(deleted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert standing(deleted) == deleted
    monkeypatch.delenv("PWD")
    with pytest.raises(typer.BadParameter, match="was deleted"):
        standing(Path())


def test_anywhere_else_a_path_stays_as_it_is() -> None:
    assert standing(Path("x")) == Path("x")
