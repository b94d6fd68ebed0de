"""What a session says of itself."""

from __future__ import annotations

import json
from pathlib import Path

from devbox.config import load
from devbox.daemon.control import Control
from devbox.daemon.hub import Hub
from devbox.engine.fake import FakeEngine


async def test_a_folder_whose_name_is_no_utf8_is_told_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    config = load(folder, {}, {})
    told = Control(FakeEngine(), lambda: config, Hub(), lambda: None).status().model_dump_json()
    assert json.loads(told)["root"].endswith("caf\\udce9")
