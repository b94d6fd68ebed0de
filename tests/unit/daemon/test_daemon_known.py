"""A project is found by its path also when its folder is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.daemon.known import config_of
from devbox.daemon.lock import make_runtime_directory, state_directory
from devbox.errors import ConfigError
from devbox.events import SessionStarted
from devbox.report.journal import Journal


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr("devbox.daemon.lock.PATH_BYTES", 4096)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "Shop"


def test_a_folder_that_is_gone_has_the_name_that_its_journal_tells(root: Path) -> None:
    root.mkdir()
    journal = Journal(state_directory(root), pytest.fail)
    journal(SessionStarted(project="another-name", root=str(root), urls=(), engine="", version=""))
    journal.close()
    root.rmdir()
    found = config_of(root, {})
    assert (found.project, found.root) == ("another-name", root)


def test_without_a_journal_it_has_the_folders_name_while_there_is_something_to_end(root: Path) -> None:
    make_runtime_directory(root)
    assert config_of(root, {}).project == "shop"


def test_a_folder_that_nobody_knows_is_not_there(root: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        config_of(root, {})


def test_a_file_in_its_place_is_no_folder_that_is_gone(root: Path) -> None:
    make_runtime_directory(root)
    root.touch()
    with pytest.raises(ConfigError, match="is a file"):
        config_of(root, {})
