from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench.app import App, with_greeting


def test_the_sample_says_what_it_is_told(tmp_path: Path) -> None:
    app = App.sample(tmp_path / "app")
    app.say("edit 000007")
    app.say("edit 000008")
    source = (tmp_path / "app" / "app" / "main.py").read_text()
    ast.parse(source)
    assert 'GREETING = "edit 000008"' in source
    assert "edit 000007" not in source
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_code_without_one_greeting_is_refused() -> None:
    with pytest.raises(ValueError, match="0 lines"):
        with_greeting("app = FastAPI()\n", "hello")
    with pytest.raises(ValueError, match="2 lines"):
        with_greeting('GREETING = "a"\nGREETING = "b"\n', "hello")
