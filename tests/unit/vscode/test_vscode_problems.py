"""What VS Code lists for recorded failures, with the very task that `devbox init --vscode` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devbox.config import load
from devbox.vscode.write import write_entries
from tests.vscode.failures import FAILURES, Failure, write_project
from tests.vscode.matching import Matched, matched

RECORDED = Path(__file__).parents[2] / "vscode" / "recorded"


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The task "devbox: up" of a fresh project."""
    root = tmp_path_factory.mktemp("project")
    write_project(root)
    write_entries(load(root, {}, {}), root, (), run_on_open=False)
    tasks = json.loads((root / ".vscode" / "tasks.json").read_text())["tasks"]
    return next(task for task in tasks if task["label"] == "devbox: up")


def listed(task: dict[str, object], name: str, more: str = "", *, exits: bool = False) -> Matched:
    return matched(task, (RECORDED / f"{name}.txt").read_text() + more, exits=exits)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_file_line_column_and_message_of_each_failure(task: dict[str, object], failure: Failure) -> None:
    found = listed(task, failure.name, exits=failure.at_start)
    assert found.problems == failure.listed
    if failure.at_start:
        assert found.ended == ()
    elif failure.ends.endswith(("exited", "problem")):
        # It served, and then ended by itself, or went on.
        assert found.ended == ((), ())
    else:
        assert found.ended == ((), failure.listed)


@pytest.mark.parametrize(
    "failure", [each for each in FAILURES if not each.at_start], ids=lambda failure: failure.name
)
def test_the_next_revision_that_serves_empties_the_list(task: dict[str, object], failure: Failure) -> None:
    healed = (
        "devbox: build 3 started: app/main.py\n"
        "devbox: revision 3 serving http://127.0.0.1:8000 in 0.14s (build 0.08s, 5 of 6 steps cached)\n"
    )
    found = listed(task, failure.name, healed)
    assert found.problems == ()


def test_going_back_to_what_serves_empties_the_list(task: dict[str, object]) -> None:
    back = "devbox: app/main.py touched, back to what revision 1 serves\ndevbox: nothing left to build\n"
    assert listed(task, "syntax_error", back).problems == ()


def test_another_mistake_takes_the_place_of_the_first(task: dict[str, object]) -> None:
    more = (
        "devbox: build 3 started: app/store.py\n"
        "devbox: build 3 superseded: app/store.py changed again\n"
        "devbox: build 4 started: app/store.py\n"
        "devbox: problem: app/store.py:3:7: error: SyntaxError: invalid syntax\n"
        "devbox: revision 4 failed to start: exited with status 1, revision 1 keeps serving\n"
    )
    expected = (("app/store.py", 3, 7, "error", "SyntaxError: invalid syntax"),)
    assert listed(task, "syntax_error", more).problems == expected


def test_what_the_application_writes_is_no_problem(task: dict[str, object]) -> None:
    forged = "app | devbox: problem: app/main.py:1: error: no\nbuild | devbox: problem: x:1: error: no\n"
    assert matched(task, forged).problems == ()


def test_the_recordings_are_those_of_the_failures() -> None:
    assert len(FAILURES) >= 12
    assert {path.stem for path in RECORDED.glob("*.txt")} == {failure.name for failure in FAILURES}
