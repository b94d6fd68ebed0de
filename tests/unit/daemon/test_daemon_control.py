"""What a session says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devbox.daemon.control import Control
from devbox.daemon.hub import Hub
from devbox.daemon.source import Settings
from devbox.engine.fake import FakeEngine
from devbox.errors import ConfigError


async def test_a_folder_whose_name_is_no_utf8_is_told_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    settings = Settings(folder, {}, {})
    told = Control(FakeEngine(), settings, Hub(), lambda: None).status().model_dump_json()
    assert json.loads(told)["root"].endswith("caf\\udce9")


async def test_settings_that_are_refused_are_told_until_they_are_mended(tmp_path: Path) -> None:
    settings = Settings(tmp_path, {}, {})
    control = Control(FakeEngine(), settings, Hub(), lambda: None)
    assert control.status().settings_refused == ""
    (tmp_path / "devbox.toml").write_text("prots = 1\n")
    with pytest.raises(ConfigError):
        settings.reload()
    assert "unknown setting 'prots'" in control.status().settings_refused
    (tmp_path / "devbox.toml").write_text("keep_images = 3\n")
    settings.reload()
    assert control.status().settings_refused == ""
