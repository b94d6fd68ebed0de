"""Asking `matcher.mjs` what VS Code would list."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("matcher.mjs")
_BOUND = 60

Listed = tuple[tuple[str, int, int, str, str], ...]
"""File, line, column, severity and message of each problem."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What is listed at the end of each round, and in the end."""

    ended: tuple[Listed, ...]
    problems: Listed


def node() -> str:
    """The Node that runs the interpreter; none is a failure, never a skip."""
    found = shutil.which("node")
    assert found, "no node: .venv/bin/python -m scripts.node installs it on Debian"
    return found


def matched(
    task: Mapping[str, Any], output: str, workspace: str = "/workspace", *, exits: bool = False
) -> Matched:
    """What VS Code makes of the output of a task of tasks.json in `workspace`."""
    request = {"task": task, "workspace": workspace, "output": output, "exits": exits}
    done = subprocess.run(
        [node(), str(_SCRIPT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=_BOUND,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return Matched(tuple(_listed(each) for each in answer["ended"]), _listed(answer["problems"]))


def _listed(problems: list[dict[str, Any]]) -> Listed:
    return tuple(
        (
            problem["file"],
            problem["line"],
            0 if problem["wholeLine"] else problem["column"],
            problem["severity"],
            problem["message"],
        )
        for problem in problems
    )
