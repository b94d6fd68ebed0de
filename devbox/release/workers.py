"""How many workers a server is to have, as it can be told without a change to its command line. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devbox.errors import ConfigError

# uvicorn, gunicorn and fastapi take their number of workers from it where their command line names none.
_VARIABLE = "WEB_CONCURRENCY"
_NAMED = re.compile(r"(?:^|\s)--workers(?:=|\s)|gunicorn\b.*\s-w")
_DEAF = re.compile(r"(?:^|[\s/])(flask|hypercorn|daphne|granian)(?:\s|$)")


def workers_environment(workers: int, command: Sequence[str]) -> dict[str, str]:
    """The variable that sets the number of workers; raises ConfigError where the command names another one,
    or its server does not heed it."""
    text = " ".join(command)
    if _NAMED.search(text):
        raise ConfigError(
            f"workers '{workers}' contradicts the command",
            cause=f"it names its workers itself: {text}",
            hint="keep one of the two",
        )
    if deaf := _DEAF.search(text):
        raise ConfigError(
            f"workers '{workers}' cannot be used",
            cause=f"{deaf[1]} does not heed {_VARIABLE}; uvicorn, gunicorn and fastapi do",
            hint="name the workers in its command, and take the setting out",
        )
    return {_VARIABLE: str(workers)}
