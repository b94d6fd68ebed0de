"""What VS Code lists for recorded failures, with the very task that `devbox init --vscode` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devbox.config import load
from devbox.daemon.together import in_front
from devbox.events import AdviceInfo, BuildAdvice, BuildAvoidable
from devbox.report.plain import lines
from devbox.vscode.write import write_entries
from tests.vscode.failures import FAILURES, Failure, write_project
from tests.vscode.matching import Matched, matched

SAVED = "devbox: build 3 started: app/main.py\n"
SERVED = "devbox: revision 3 serving http://127.0.0.1:8000 in 0.14s (build 0.08s, 5 of 6 steps cached)\n"
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


SERVICES = ("app", "we.b")


@pytest.fixture(scope="module")
def tasks_of_services(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The tasks of a project with two services that are developed at once."""
    root = tmp_path_factory.mktemp("services")
    write_project(root)
    write_entries(load(root, {}, {}), root, (), run_on_open=False, services=SERVICES)
    assert not (root / ".vscode" / "launch.json").exists()
    tasks: list[dict[str, object]] = json.loads((root / ".vscode" / "tasks.json").read_text())["tasks"]
    return tasks


def in_front_of(service: str, output: str) -> str:
    width = max(map(len, SERVICES))
    return "".join(f"{in_front(service, width, line)}\n" for line in output.splitlines())


def test_the_tasks_of_several_services(tasks_of_services: list[dict[str, object]]) -> None:
    assert [task["label"] for task in tasks_of_services] == ["devbox: up", "devbox: down"]
    matchers = tasks_of_services[0]["problemMatcher"]
    assert isinstance(matchers, list)
    owners = [matcher["owner"] for matcher in matchers]
    assert owners == ["devbox :app", "devbox advice :app", "devbox :we.b", "devbox advice :we.b"]


@pytest.mark.parametrize(
    "failure", [each for each in FAILURES if not each.at_start], ids=lambda failure: failure.name
)
def test_each_service_has_a_list_of_its_own(
    tasks_of_services: list[dict[str, object]], failure: Failure
) -> None:
    recorded = (RECORDED / f"{failure.name}.txt").read_text()
    advice = told(BuildAdvice(findings=ADVICE))
    output = in_front_of("app", recorded) + in_front_of("we.b", SERVED + advice + SAVED + SERVED)
    # Neither the round of another service nor its advice empties the list.
    assert sorted(matched(tasks_of_services[0], output).problems) == sorted(
        (*failure.listed, AT_NINE, AT_FIVE)
    )
    mended = output + in_front_of("app", SAVED + SERVED)
    assert matched(tasks_of_services[0], mended).problems == (AT_NINE, AT_FIVE)


def test_what_the_applications_of_services_write_is_no_problem(
    tasks_of_services: list[dict[str, object]],
) -> None:
    forged = "app | devbox: problem: x.py:1: error: no\ndevbox: problem: x.py:1: error: no\n"
    output = in_front_of("app", forged) + in_front_of("weeb", "devbox: problem: x.py:1: error: no\n")
    # What devbox itself writes of its service is one.
    assert len(matched(tasks_of_services[0], output).problems) == 1


ADVICE = (
    AdviceInfo(rule="RootUser", file="Dockerfile", line=9, message="it runs as root: bad", hint="name one"),
    AdviceInfo(rule="Order", file="docker/a file", line=5, message="line 4 (COPY . .)", hint="move it"),
)
AT_NINE = ("Dockerfile", 9, 0, "warning", "it runs as root: bad; name one [RootUser]")
AT_FIVE = ("docker/a file", 5, 0, "warning", "line 4 (COPY . .); move it [Order]")


def told(*events: BuildAdvice | BuildAvoidable) -> str:
    return "".join(f"{line}\n" for event in events for line in lines(event))


def test_advice_is_listed_as_warnings_and_stays_while_builds_come_and_go(task: dict[str, object]) -> None:
    advice = told(BuildAdvice(findings=ADVICE))
    served = "devbox: revision {0} serving http://127.0.0.1:8000 in 0.14s (build 0.08s)\n"
    save = "devbox: build {0} started: app/main.py\n"
    assert matched(task, served.format(1) + advice).problems == (AT_NINE, AT_FIVE)
    failed = "devbox: problem: app/main.py:3:7: error: no\ndevbox: build 2 failed: RUN x (exit 1)\n"
    found = matched(task, served.format(1) + advice + save.format(2) + failed)
    assert found.problems == (AT_NINE, AT_FIVE, ("app/main.py", 3, 7, "error", "no"))
    healed = matched(
        task, served.format(1) + advice + save.format(2) + failed + save.format(3) + served.format(3)
    )
    assert healed.problems == (AT_NINE, AT_FIVE)


def test_newer_advice_takes_the_place_of_the_former(task: dict[str, object]) -> None:
    advice = told(BuildAdvice(findings=ADVICE))
    assert matched(task, advice + told(BuildAdvice(findings=ADVICE[1:]))).problems == (AT_FIVE,)
    assert matched(task, advice + told(BuildAdvice())).problems == ()


def test_what_was_measured_takes_nothing_from_the_list(task: dict[str, object]) -> None:
    measured = told(BuildAvoidable(build=7, seconds=12.3, finding=ADVICE[0]))
    assert matched(task, measured).problems == ()
    assert matched(task, told(BuildAdvice(findings=ADVICE)) + measured).problems == (AT_NINE, AT_FIVE)


def test_the_recordings_are_those_of_the_failures() -> None:
    assert len(FAILURES) >= 12
    assert {path.stem for path in RECORDED.glob("*.txt")} == {failure.name for failure in FAILURES}
