"""An error as lines of text: what failed, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from devbox.errors import DevboxError
from devbox.report.text import clean, clean_lines

if TYPE_CHECKING:
    # A verb that fails needs no events.
    from devbox.events import Problem

PREFIX = "devbox: "


def failure_lines(error: DevboxError) -> list[str]:
    """The lines that tell a person about an error: what failed, then "why" and "try" where they are known."""
    return [f"{PREFIX}{clean(error.what)}", *reason_lines(error.cause, error.hint)]


def reason_lines(cause: str, hint: str) -> list[str]:
    """The lines below a failure; a cause or hint of several lines repeats its word on each."""
    return [
        f"{PREFIX}  {word}: {line}"
        for word, text in (("why", cause), ("try", hint))
        for line in clean_lines(text)
        if line.strip()
    ]


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """The lines that an editor makes its list of problems from. They come before the line of the failure:
    with that an editor takes the list as complete."""
    return [f"{PREFIX}{_problem(problem)}" for problem in problems]


def _problem(problem: Problem) -> str:
    place = f"{clean(problem.file)}:{problem.line}{f':{problem.column}' if problem.column else ''}"
    return f"problem: {place}: {problem.severity}: {clean(problem.message)}"
