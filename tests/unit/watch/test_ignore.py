"""Ignore rules against recorded answers of the real builder."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.errors import ContextError
from devbox.watch import Scanner
from devbox.watch.ignore import ROOT, IgnoreRules
from tests.unit.watch.ignore_cases import CASES, REFUSED, TREE

_ANSWERS = Path(__file__).with_name("builder_answers.json")


def _plant(root: Path, paths: tuple[str, ...]) -> None:
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            place.mkdir()
        else:
            place.touch()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("context")
    _plant(root, TREE)
    return root


@pytest.mark.parametrize(("name", "rules", "left_out"), CASES, ids=[case[0] for case in CASES])
def test_the_builders_choice(planted: Path, name: str, rules: bytes, left_out: frozenset[str]) -> None:
    ignore_file = planted / ".dockerignore"
    ignore_file.write_bytes(b"")
    everything = set(Scanner(planted).scan().entries)
    ignore_file.write_bytes(rules)

    seen = set(Scanner(planted).scan().entries)

    assert everything - seen == {
        path for path in everything if any(path == out or path.startswith(f"{out}/") for out in left_out)
    }


@pytest.mark.parametrize(("name", "rules", "line"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_the_builder_refuses_is_named_by_file_and_line(
    planted: Path, name: str, rules: bytes, line: int
) -> None:
    (planted / ".dockerignore").write_bytes(rules)

    with pytest.raises(ContextError) as refused:
        Scanner(planted).scan()

    assert refused.value.path == ".dockerignore"
    assert f".dockerignore line {line} " in refused.value.what
    assert refused.value.cause
    assert refused.value.hint


def test_recorded_answers_to_seven_hundred_random_ignore_files() -> None:
    recorded: dict[str, Any] = json.loads(_ANSWERS.read_text())
    paths = [_decoded(path) for path in recorded["paths"]]
    directories = {path.rpartition("/")[0] for path in paths} | {
        _decoded(path).rstrip("/") for path in recorded["tree"] if _decoded(path).endswith("/")
    }
    wrong = []
    for text, answer in recorded["answers"]:
        rules = base64.b64decode(text)
        expected = answer and {path for bit, path in enumerate(paths) if int(answer, 16) >> bit & 1}
        if _chosen(paths, directories, rules) != expected:
            wrong.append(rules)
    assert wrong == []


def _chosen(paths: list[str], directories: set[str], data: bytes) -> set[str] | None:
    """What a plain walk that asks the rules for every path takes; None where they refuse."""
    try:
        rules = IgnoreRules(data)
        chosen: set[str] = set()
        places = {"": ROOT}
        for path in sorted(paths):
            parent = path.rpartition("/")[0]
            if parent not in places:
                continue  # nobody looked there
            verdict = rules.judge(path, places[parent])
            if not verdict.excluded:
                parts = path.split("/")
                chosen.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
            if path in directories and not rules.prunable(path, verdict):
                places[path] = verdict
    except ContextError:
        return None
    return chosen


def _decoded(text: str) -> str:
    return os.fsdecode(base64.b64decode(text))


@pytest.mark.parametrize(
    ("rules", "directory", "prunable"),
    [
        (b".git\n", ".git", True),
        (b".git\n", "src", False),
        (b".git\n", ".git/objects", True),
        (b".venv\n!README.md\n", ".venv", True),
        (b".venv\n!*.md\n", ".venv", True),
        (b".venv\n!docs/*.md\n", ".venv", True),
        (b".venv\n!.venv/keep\n", ".venv", False),
        (b".venv\n!.venv/keep\n", ".venv/lib", True),
        (b".venv\n!**/keep\n", ".venv", False),
        (b".venv\n!*/keep\n", ".venv", False),
        (b".venv\n!*/keep\n", ".venv/lib", True),
        (b".venv\n!.venv/**/x\n", ".venv/lib", False),
        (b".venv\n!.[u-w]env/x\n", ".venv", False),
        (b".venv\n!.venv\n", ".venv", False),
        (b"node_modules/*\n", "node_modules", False),
    ],
)
def test_what_cannot_come_back_in_need_not_be_looked_at(rules: bytes, directory: str, prunable: bool) -> None:
    assert IgnoreRules(rules).prunable(directory) is prunable


_PART = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "?", "[ab]", "b.py", "*.py"])
_LINE = st.tuples(st.sampled_from(["", "!"]), st.lists(_PART, min_size=1, max_size=4)).map(
    lambda line: line[0] + "/".join(line[1])
)
_PATH = st.lists(st.sampled_from(["a", "b", "ab", "b.py"]), min_size=2, max_size=5)


@given(rules=st.lists(_LINE, max_size=5), parts=_PATH)
def test_nothing_below_a_prunable_directory_is_ever_taken_in(rules: list[str], parts: list[str]) -> None:
    ignore = IgnoreRules("\n".join(rules).encode())
    if any(ignore.prunable("/".join(parts[:end])) for end in range(1, len(parts))) and not any(
        "*/**" in line
        for line in rules  # the builder's shortcut is no shortcut for such lines
    ):
        assert ignore.verdict("/".join(parts)).excluded


def test_a_file_beside_the_dockerfile_wins_even_when_it_is_empty(tmp_path: Path) -> None:
    _plant(tmp_path, ("a", "b", "docker/dev.Dockerfile"))
    (tmp_path / ".dockerignore").write_text("a\n")
    scanner = Scanner(tmp_path, tmp_path / "docker" / "dev.Dockerfile")
    assert "a" not in scanner.scan().entries

    (tmp_path / "docker" / "dev.Dockerfile.dockerignore").write_text("b\n")
    assert {"a", "b"} & set(scanner.scan().entries) == {"a"}

    (tmp_path / "docker" / "dev.Dockerfile.dockerignore").write_text("")
    assert {"a", "b"} & set(scanner.scan().entries) == {"a", "b"}


@pytest.mark.parametrize("target", ["rules", "./rules", "/rules", "sub/../rules", "../../rules", "other"])
def test_a_linked_ignore_file_is_followed_inside_of_the_context(tmp_path: Path, target: str) -> None:
    _plant(tmp_path, ("a", "sub/x"))
    (tmp_path / "rules").write_text("a\n")
    (tmp_path / "other").symlink_to("rules")
    (tmp_path / ".dockerignore").symlink_to(target)
    assert "a" not in Scanner(tmp_path).scan().entries


def test_an_ignore_file_linked_from_outside_is_none_and_that_is_said(tmp_path: Path) -> None:
    context = tmp_path / "context"
    _plant(context, ("a",))
    (tmp_path / "outside").write_text("a\n")
    (context / ".dockerignore").symlink_to(tmp_path / "outside")
    snapshot = Scanner(context).scan()
    assert "a" in snapshot.entries
    assert any(".dockerignore is a link out of the build context" in notice for notice in snapshot.notices)


def test_links_in_a_circle_and_directories_are_no_ignore_file(tmp_path: Path) -> None:
    _plant(tmp_path, ("a",))
    (tmp_path / ".dockerignore").symlink_to(".dockerignore")
    assert "a" in Scanner(tmp_path).scan().entries
    (tmp_path / ".dockerignore").unlink()
    (tmp_path / ".dockerignore").mkdir()
    assert "a" in Scanner(tmp_path).scan().entries
