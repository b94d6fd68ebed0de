"""What devbox puts into tasks.json and launch.json. Pure.

The names are those of code.visualstudio.com/docs: "Integrate with External Tools via Tasks", its appendix,
and "Python debugging in VS Code". How a problem matcher with `background` works on the lines of devbox:

    begins   devbox: build 7 started: …         what was listed before is kept until the end, then dropped
    problem  devbox: problem: app/main.py:7:1: error: …
    ends     devbox: revision 7 failed to start: …    the list is what was found since the beginning

Advice has a matcher and a list of its own: it is told once, and stays while rounds come and go. Its lines
come between rounds, since whoever waits for the task takes the end of any block for the end of a round.

Of several services each has both matchers for itself, for the lines with its name in front
(`api | devbox: …`): the end of one's round must not empty another one's list.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

TASKS_VERSION = "2.0.0"
LAUNCH_VERSION = "0.2.0"

PROBLEM = r"^devbox: problem: (.+?):(\d+)(?::(\d+))?: (error|warning|info): (.*)$"
BEGINS = r"^devbox: (?:build \d+ started|.+ touched, back to what revision \d+ serves)"
ENDS = r"^devbox: (?:build \d+ failed|revision \d+ (?:serving|failed to start)|nothing left to build|stopped)"
ADVICE = r"^devbox: advice: (.+?):(\d+)(?::(\d+))?: (warning): (.*)$"
ADVICE_BEGINS = r"^devbox: advice on the Dockerfile$"
ADVICE_ENDS = r"^devbox: (?:\d+ pieces? of advice|no advice any more)"

_WORKSPACE = "${workspaceFolder}"


def tasks(
    folder: str, *, run_on_open: bool, is_default: bool, service: str = "", services: Sequence[str] = ()
) -> tuple[dict[str, Any], ...]:
    """The tasks for a project in `folder` of the workspace ('' for the workspace itself), for one `service`
    of it, or for all of its `services` at once, which no debugger attaches to.

    `run_on_open` lets VS Code start it when the folder is opened, `is_default` makes it what Run Build Task
    starts.
    """
    runs = {"runOn": "folderOpen", "instanceLimit": 1} if run_on_open else {"instanceLimit": 1}
    build: str | dict[str, Any] = {"kind": "build", "isDefault": True} if is_default else "build"
    where = placed(folder, service)
    place = [f":{service}"] if service else []
    matchers = [
        matcher(folder, placed(folder, each or service), each)
        for each in services or ("",)
        for matcher in (_matcher, _advice_matcher)
    ]
    background = {"isBackground": True, "problemMatcher": matchers}
    shows = {"presentation": {"reveal": "always", "panel": "dedicated", "showReuseMessage": False}}
    up, debug, down = (
        {
            **_task(name_of("up", where), folder, ["up", *place, "--output", "plain"]),
            "detail": "Build, serve, and rebuild with every save",
            **background,
            "group": build,
            **shows,
            "runOptions": runs,
        },
        {
            **_task(name_of("up --debug", where), folder, ["up", *place, "--debug", "--output", "plain"]),
            "detail": "The same, under a debugger that waits for VS Code to attach",
            **background,
            **shows,
            "runOptions": {"instanceLimit": 1},
        },
        {
            **_task(name_of("down", where), folder, ["down", *place]),
            "detail": "Stop serving; volumes stay",
            "problemMatcher": [],
        },
    )
    return (up, down) if services else (up, debug, down)


def configurations(
    folder: str, port: int, mappings: Iterable[tuple[str, str]], service: str = ""
) -> tuple[dict[str, Any], ...]:
    """The debug configuration that attaches to `devbox up --debug` on this port of this machine; `mappings`
    are (path in the container, path in the project)."""
    paths = [
        {"localRoot": _inside(posixpath.join(folder, local).rstrip("/")), "remoteRoot": remote}
        for remote, local in mappings
    ]
    return (
        {
            "name": name_of("attach", placed(folder, service)),
            "type": "debugpy",
            "request": "attach",
            "connect": {"host": "127.0.0.1", "port": port},
            "pathMappings": paths or [{"localRoot": _inside(folder), "remoteRoot": "."}],
        },
    )


def compounds(folder: str, service: str = "") -> tuple[dict[str, Any], ...]:
    """What starts `devbox up --debug` and attaches once it serves."""
    where = placed(folder, service)
    return (
        {
            "name": name_of("debug", where),
            "configurations": [name_of("attach", where)],
            "preLaunchTask": name_of("up --debug", where),
            "stopAll": True,
        },
    )


def path_mappings(roots: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """(path in the container, path in the project) without those that another one says already, the deepest
    path in the container first."""
    found: dict[str, str] = {}
    for remote, local in roots:
        found.setdefault(remote, local)
    needed = [
        (remote, local)
        for remote, local in found.items()
        if not any(
            other != remote
            and remote.startswith(other.rstrip("/") + "/")
            and local == posixpath.join(above, remote[len(other.rstrip("/")) + 1 :])
            for other, above in found.items()
        )
    ]
    return tuple(sorted(needed, key=lambda pair: (-len(pair[0]), pair[0])))


def placed(folder: str, service: str) -> str:
    """A folder of the workspace, or a service of it, as people name it."""
    return f"{folder}:{service}" if service else folder


def name_of(what: str, where: str) -> str:
    """The label of a task or the name of a configuration: of each project in a workspace, and each service,
    another one."""
    return f"devbox: {what} ({where})" if where else f"devbox: {what}"


def _task(label: str, folder: str, arguments: list[str]) -> dict[str, Any]:
    return {
        "label": label,
        "type": "process",
        "command": "devbox",
        "args": arguments,
        "options": {"cwd": _inside(folder)},
    }


def _matcher(folder: str, where: str, in_front: str) -> dict[str, Any]:
    return {
        # VS Code empties an owner's list at the end of each round: no project may empty another one's.
        "owner": f"devbox {where}" if where else "devbox",
        "source": "devbox",
        "fileLocation": ["relative", _inside(folder)],
        "pattern": _pattern(PROBLEM, in_front),
        "background": _background(BEGINS, ENDS, in_front, active_on_start=True),
    }


def _advice_matcher(folder: str, where: str, in_front: str) -> dict[str, Any]:
    return {
        "owner": f"devbox advice {where}" if where else "devbox advice",
        "source": "devbox",
        "fileLocation": ["relative", _inside(folder)],
        "pattern": _pattern(ADVICE, in_front),
        "background": _background(ADVICE_BEGINS, ADVICE_ENDS, in_front, active_on_start=False),
    }


def _pattern(regexp: str, in_front: str) -> dict[str, Any]:
    groups = {"file": 1, "line": 2, "column": 3, "severity": 4, "message": 5}
    return {"regexp": _behind(regexp, in_front), **groups}


def _background(begins: str, ends: str, in_front: str, *, active_on_start: bool) -> dict[str, Any]:
    return {
        "activeOnStart": active_on_start,
        "beginsPattern": _behind(begins, in_front),
        "endsPattern": _behind(ends, in_front),
    }


def _behind(regexp: str, service: str) -> str:
    """The same for lines with a service's name in front. Where there is none, lines that begin with `app | `
    are the application's own, and never devbox's."""
    if not service:
        return regexp
    name = service.replace(".", r"\.")
    return rf"^{name} +\| {regexp.removeprefix('^')}"


def _inside(folder: str) -> str:
    return f"{_WORKSPACE}/{folder}" if folder not in ("", ".") else _WORKSPACE
