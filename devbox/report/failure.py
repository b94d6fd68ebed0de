"""An error as lines of text: what failed, why, and what to do next."""

from __future__ import annotations

from devbox.errors import DevboxError
from devbox.report.text import clean, clean_lines

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
