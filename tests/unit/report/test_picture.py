from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from devbox.events import AppLog, Event, to_json
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


def drawn(
    picture: ModuleType, events: list[Event], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    recorded = directory / "events.jsonl"
    recorded.write_text("".join(f"{to_json(event)}\n" for event in sessions.stamped(events, apart=0.5)))
    pictures = directory / "docs"
    monkeypatch.setattr(sys, "argv", ["picture.py", "--events", str(recorded), "--out", str(pictures)])
    picture.main()
    return {path.name: path.read_text() for path in pictures.iterdir()}


def groups(svg: str) -> list[tuple[str | None, str]]:
    """The class and the words of each frame."""
    found = ET.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}g[@id]")
    return [(group.get("class"), " ".join("".join(group.itertext()).split())) for group in found]


def request(revision: int) -> Event:
    return AppLog(revision=revision, stream="stdout", line='172.17.0.1:1 - "GET /items HTTP/1.1" 200 OK')


def test_a_recorded_session_becomes_a_moving_picture(
    picture: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [*sessions.start_failed(), request(7), *sessions.quick_round(9), request(9)]
    pictures = drawn(picture, events, tmp_path, monkeypatch)
    frames = groups(pictures["live.svg"])
    assert len(frames) >= 15
    assert [kind for kind, _ in frames] == ["frame"] * (len(frames) - 1) + ["frame still"]
    assert "revision 9 serving" in frames[-1][1]
    assert "GET /items" in frames[-1][1]
    for svg in pictures.values():
        assert not re.search(r"url\(|href|@import|src:", svg)
        assert set(re.findall(r"https?://[\w.:/]+", svg)) == {sessions.URL, "http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "line", ["Looking in indexes: https://index.example/simple", 'File "/home/ann/x.py"']
)
def test_what_others_should_not_see_is_refused(
    picture: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    events = [*sessions.start_failed(), AppLog(revision=7, stream="stdout", line=line), request(7)]
    with pytest.raises(SystemExit, match="not for others"):
        drawn(picture, events, tmp_path, monkeypatch)
