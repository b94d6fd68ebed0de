from __future__ import annotations

from pathlib import Path

from devbox.compose.files import compose_files
from devbox.compose.leads import watched
from devbox.compose.values import Wanted


def names(root: Path, paths: tuple[Path, ...]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_the_file_that_compose_itself_would_take(tmp_path: Path) -> None:
    assert compose_files(tmp_path, Wanted(), {}) == ()
    (tmp_path / "docker-compose.yml").touch()
    assert names(tmp_path, compose_files(tmp_path, Wanted(), {})) == ["docker-compose.yml"]
    (tmp_path / "compose.yaml").touch()
    (tmp_path / "compose.override.yml").touch()
    found = compose_files(tmp_path, Wanted(), {})
    assert names(tmp_path, found) == ["compose.yaml", "compose.override.yml"]


def test_files_that_were_named(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").touch()
    by_variable = compose_files(tmp_path, Wanted(), {"COMPOSE_FILE": "a.yaml:b.yaml"})
    assert names(tmp_path, by_variable) == ["a.yaml", "b.yaml"]
    other = {"COMPOSE_FILE": "a.yaml;b.yaml", "COMPOSE_PATH_SEPARATOR": ";"}
    assert names(tmp_path, compose_files(tmp_path, Wanted(), other)) == ["a.yaml", "b.yaml"]
    by_flag = compose_files(tmp_path, Wanted(files=("c.yaml",)), {"COMPOSE_FILE": "a.yaml"})
    assert names(tmp_path, by_flag) == ["c.yaml"]


def test_what_a_file_includes_and_extends_is_watched_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "compose.yaml").write_text(
        "include:\n- sub/one.yaml\n- {path: [sub/two.yaml], env_file: sub/two.env}\n- ${OTHER}.yaml\n"
        "services:\n  api: {extends: {file: base.yaml, service: api}}\n  none:\n"
        "  db: {extends: api, env_file: [a.env, {path: sub/b.env, required: false}, '$X.env']}\n"
    )
    (tmp_path / "sub/one.yaml").write_text("include: [three.yaml]\n")
    (tmp_path / "sub/two.yaml").write_text("services: [\n")
    (tmp_path / "base.yaml").write_text("just text\n")
    found = set(names(tmp_path, watched(tmp_path, (tmp_path / "compose.yaml",))))
    wanted = {"compose.yaml", "sub/one.yaml", "sub/two.yaml", "sub/two.env", "sub/three.yaml", "base.yaml"}
    wanted |= {"a.env", "sub/b.env"}
    assert wanted | {".env", "compose.override.yaml", "docker-compose.yml"} <= found
    assert not any("OTHER" in name for name in found)


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("include: [b.yaml]\n")
    (tmp_path / "b.yaml").write_text("include: [a.yaml]\n")
    assert {"a.yaml", "b.yaml"} <= set(names(tmp_path, watched(tmp_path, (tmp_path / "a.yaml",))))
