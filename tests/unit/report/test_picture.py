from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from devbox.events import to_json
from tests.unit.report import sessions

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "picture.py"


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("picture", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "picture", module)
    spec.loader.exec_module(module)
    return module


def test_a_recorded_session_becomes_a_picture(
    picture: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = sessions.stamped([*sessions.start_failed(), *sessions.quick_round(9)], apart=0.5)
    recorded, drawn = tmp_path / "events.jsonl", tmp_path / "docs" / "live.svg"
    recorded.write_text("".join(f"{to_json(event)}\n" for event in events))
    monkeypatch.setattr(sys, "argv", ["picture.py", "--events", str(recorded), "--out", str(drawn)])
    picture.main()
    svg = drawn.read_text()
    tree = ET.fromstring(svg)
    names = {"svg": "http://www.w3.org/2000/svg"}
    groups = tree.findall(".//svg:g[@id]", names)
    assert len(groups) >= 15
    assert [group.get("class") for group in groups].count("frame still") == 1
    words = [" ".join("".join(group.itertext()).split()) for group in groups]
    assert any("revision 8 failed to start" in each and "revision 7 keeps serving" in each for each in words)
    assert "revision 9 serving" in words[-1]
    assert not re.search(r"url\(|href|@import|src:", svg)
    assert set(re.findall(r"https?://[\w.:/]+", svg)) == {sessions.URL, "http://www.w3.org/2000/svg"}
