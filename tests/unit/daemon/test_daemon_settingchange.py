"""Which setting is another one, and where it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devbox.config import Config, load
from devbox.daemon.problems import reader
from devbox.daemon.settingchange import setting_change, written_build_args

Change = Callable[[str, str], tuple[Config, Config]]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """The settings before and after, from two texts of devbox.toml."""

    def both(before: str, after: str) -> tuple[Config, Config]:
        (tmp_path / "devbox.toml").write_text(before)
        former = load(tmp_path, {}, {})
        (tmp_path / "devbox.toml").write_text(after)
        return former, load(tmp_path, {}, {})

    return both


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "swap = 'recreate'\n", "devbox.toml line 1: swap changed"),
        (
            "\nports = ['1:2']",
            "\nports = ['1:3']\nwarm = false",
            "devbox.toml line 2: ports and 1 more changed",
        ),
        (
            "[environment]\nA='1'\nB='1'",
            "[environment]\nA='1'\nB='2'",
            "devbox.toml line 3: environment B changed",
        ),
        ("environment = {A='1'}", "environment = {A='2'}", "devbox.toml line 1: environment A changed"),
        ("[build_args]\nV='1'", "[build_args]\nV='2'", "devbox.toml line 2: build_args V changed"),
        ("swap = 'recreate'", "# nothing", "swap changed"),
        ("[secrets.t]\nenv='A'", "[secrets.t]\nenv='B'", "devbox.toml line 1: secrets changed"),
        ("warm = false", "\nwarm = false", ""),
    ],
)
def test_the_setting_and_its_line(change: Change, tmp_path: Path, before: str, after: str, told: str) -> None:
    assert setting_change(*change(before, after), reader(tmp_path)) == told


def test_a_variable_of_an_env_file(change: Change, tmp_path: Path) -> None:
    (tmp_path / "dev.env").write_text("A=1\n")
    former, _ = change("env_file = 'dev.env'", "env_file = 'dev.env'")
    (tmp_path / "dev.env").write_text("# mine\nexport A=2\n")
    now = load(tmp_path, {}, {})
    assert setting_change(former, now, reader(tmp_path)) == "dev.env line 2: environment A changed"


def test_where_build_arguments_stand(change: Change, tmp_path: Path) -> None:
    former, now = change("", "[build_args]\nV='1'\n")
    assert written_build_args(former, now, reader(tmp_path)) == {"V": "devbox.toml line 2"}
    given = load(tmp_path, {"build_args": {"V": "2"}}, {})
    assert written_build_args(now, given, reader(tmp_path)) == {}
