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


def test_the_app_of_fifty_routes_says_what_it_is_told(tmp_path: Path) -> None:
    app = App.routes(tmp_path / "app", "routes")
    app.say("edit 000007")
    for module in (tmp_path / "app" / "app").iterdir():
        ast.parse(module.read_text())
    source = (tmp_path / "app" / "app" / "main.py").read_text()
    assert source.count('@app.get("/things/') == 50
    assert "sqlalchemy" in (tmp_path / "app" / "requirements.txt").read_text()


def test_a_tree_has_as_many_files_as_it_says(tmp_path: Path) -> None:
    App.tree(tmp_path / "app", "tree", 250)
    assert sum(path.is_file() for path in (tmp_path / "app").rglob("*")) == 250
    assert "COPY assets assets\nCOPY app app\n" in (tmp_path / "app" / "Dockerfile").read_text()
