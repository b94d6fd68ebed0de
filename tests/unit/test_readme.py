"""What the README leads to is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
TABLE = README.partition("## What the guides teach")[2].partition("\n## ")[0]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
_TEST = re.compile(r"\[`(test_\w+)`\]\((tests/[\w/]+\.py)\)")


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


@pytest.mark.parametrize("row", ROWS)
def test_what_the_guides_teach_is_proved_by_a_test_that_is_there(row: str) -> None:
    links = _TEST.findall(row)
    assert links
    assert [name for name, file in links if name not in functions_of(file)] == []


def test_each_guide_page_is_linked() -> None:
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "guides").glob("*.md")}
    assert set(re.findall(r"\((docs/guides/[^)]+)\)", TABLE)) == pages
