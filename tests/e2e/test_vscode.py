"""In VS Code: the Problems list of a running `devbox up`, and a debugger that attaches."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from itertools import groupby
from pathlib import Path
from typing import Any

import docker
import pytest

from scripts import compose
from tests.e2e.conftest import StartUp
from tests.e2e.debugger import Debugger
from tests.e2e.devboxes import get, run
from tests.vscode.failures import FAILURES, write_project
from tests.vscode.matching import Listed, matched
from tests.vscode.record import Watched

_TWO_SERVICES = """\
services:
  app:
    build: ./app
    ports: ["0:8000"]
  worker:
    build: ./worker
    ports: ["0:8000"]
"""


def entries(root: Path, name: str, of: str) -> list[dict[str, Any]]:
    """What `devbox init --vscode` wrote."""
    found: list[dict[str, Any]] = json.loads((root / ".vscode" / name).read_text())[of]
    return found


def test_what_a_running_devbox_writes_is_listed_and_goes_away(
    folder: Path, engine: docker.DockerClient, start: StartUp
) -> None:
    write_project(folder, folder.name)
    assert run("init", "--vscode", str(folder)).returncode == 0
    names = {"syntax_error", "lifespan_exception", "dockerfile_error", "bad_copy", "exception_in_the_build"}
    chosen = [failure for failure in FAILURES if failure.name in names]
    up = Watched(folder)
    try:
        up.until("devbox: revision 1 serving")
        for failure in chosen:
            up.lines.clear()
            failure.change(folder)
            up.until("devbox: problem: ")
            write_project(folder, folder.name)
            up.until("devbox: nothing left to build")
            # One that had begun is over: the list is empty again.
            output = "".join(up.lines)
            found = matched(entries(folder, "tasks.json", "tasks")[0], _rounds(output), str(folder))
            assert _errors(found.ended)[-2:] == [failure.listed, ()], output
    finally:
        up.end()


def test_an_exception_in_a_request_is_listed_until_the_next_save(
    folder: Path, engine: docker.DockerClient, start: StartUp
) -> None:
    write_project(folder, folder.name)
    main = folder / "app" / "main.py"
    main.write_text(main.read_text() + '\n\n@app.get("/{name}")\nasync def one(name):\n    return {}[name]\n')
    assert run("init", "--vscode", str(folder)).returncode == 0
    up = start()
    served = up.served(bound=120)
    assert get(up.url, "/tea")[0] == 500
    raised = up.wait_for("app.raised", after=served["seq"])
    place = {"file": "app/main.py", "line": 25, "column": 12}
    problem = {**place, "severity": "error", "message": "KeyError: 'tea'"}
    assert (raised["revision"], raised["problems"]) == (served["revision"], [problem])
    assert get(up.url, "/")[0] == 200


def test_several_services_have_a_list_each(
    folder: Path, engine: docker.DockerClient, start: StartUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in compose.environment(tmp_path / "docker", os.environ).items():
        monkeypatch.setenv(name, value)
    (folder / "compose.yaml").write_text(_TWO_SERVICES)
    for service in ("app", "worker"):
        (folder / service).mkdir()
        write_project(folder / service)
    done = run("init", "--vscode", str(folder))
    assert done.returncode == 0, done.stderr
    assert "devbox init --vscode .:app" in done.stdout
    up = Watched(folder)
    try:
        for service in ("app   ", "worker"):
            up.until(f"{service} | devbox: revision 1 serving")
        for service in ("app", "worker"):
            (folder / service / "app" / "main.py").write_text("import nothing_of_that_name\n")
            up.until(f"{service:6} | devbox: revision 2 failed to start")
        task = entries(folder, "tasks.json", "tasks")[0]
        found = matched(task, "".join(up.lines), str(folder)).problems
        expected = [f"{service}/app/main.py" for service in ("app", "worker")]
        assert sorted(problem[0] for problem in found if problem[3] == "error") == expected, found
        write_project(folder / "app")
        up.until("app    | devbox: nothing left to build")
        found = matched(task, "".join(up.lines), str(folder)).problems
        assert [problem[0] for problem in found if problem[3] == "error"] == expected[1:]
    finally:
        up.end()
        forget(engine, folder.name)
    one = run("init", "--vscode", f"{folder}:worker")
    assert one.returncode == 0, one.stderr
    labels = [task["label"] for task in entries(folder, "tasks.json", "tasks")]
    assert labels[2:] == ["devbox: up (:worker)", "devbox: up --debug (:worker)", "devbox: down (:worker)"]
    assert entries(folder, "tasks.json", "tasks")[2]["args"][:2] == ["up", ":worker"]
    assert entries(folder, "launch.json", "configurations")[0]["name"] == "devbox: attach (:worker)"


def forget(engine: docker.DockerClient, project: str) -> None:
    """Removes the images of both services."""
    for name in ("app", "worker"):
        for image in engine.images.list(filters={"label": f"dev.devbox.project={project}-{name}"}):
            engine.images.remove(str(image.id), force=True)


def _errors(ended: tuple[Listed, ...]) -> list[Listed]:
    """The errors that were listed, each list once: advice has a list of its own, whose end ends no round."""
    lists = (tuple(one for one in listed if one[3] == "error") for listed in ended)
    return [listed for listed, _ in groupby(lists)]


def _rounds(output: str) -> str:
    """As if the task had just been started and something served."""
    return f"devbox: revision 1 serving http://127.0.0.1:1 in 1.00s (adopted)\n{output}"


def test_a_debugger_stops_at_a_line_of_each_revision(folder: Path, start: StartUp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    write_project(folder, folder.name)
    (folder / "devbox.toml").write_text(f"debug_port = {port}\n")
    requirements = folder / "requirements.txt"
    up = start("--debug")
    failed = up.wait_for("release.failed", bound=120)
    assert failed["failure"]["hint"] == "add a line to requirements.txt: debugpy"
    requirements.write_text(requirements.read_text() + "debugpy\n")
    served = up.served(bound=120)
    assert up.of("session.started")[0]["urls"] == [served["url"]]
    assert run("init", "--vscode", str(folder)).returncode == 0
    configuration = entries(folder, "launch.json", "configurations")[0]
    assert configuration["connect"] == {"host": "127.0.0.1", "port": port}
    _stops(up.url, configuration, folder)

    main = folder / "app" / "main.py"
    main.write_text(main.read_text().replace('"items": app', '"things": app'))
    again = up.served(after=served["seq"])
    assert again["strategy"] == "rolling"
    up.serves("things")
    assert _stops(up.url, configuration, folder).startswith('{"things"')


def _stops(url: str, configuration: dict[str, Any], root: Path) -> str:
    """The answer of a request that a breakpoint stopped, and that was let go on."""
    local = json.loads(json.dumps(configuration).replace("${workspaceFolder}", str(root)))
    file = str(root / "app" / "main.py")
    answers: list[str] = []
    with Debugger(configuration["connect"]["port"]) as debugger:
        debugger.attach(local, {file: [20]})
        asking = threading.Thread(target=lambda: answers.append(get(url, timeout=60)[1]))
        asking.start()
        stopped = debugger.event("stopped")
        assert stopped["reason"] == "breakpoint"
        top = debugger.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
        assert (top["source"]["path"], top["line"]) == (file, 20)
        debugger.ask("continue", threadId=stopped["threadId"])
        asking.join(60)
        debugger.ask("disconnect", terminateDebuggee=False)
    assert len(answers) == 1
    assert re.search("tea", answers[0])
    return answers[0]
