"""Node, which the tests run to see what VS Code would make of devbox's output."""

from __future__ import annotations

import sys

from scripts.debian import say
from scripts.engine import SetupError
from scripts.programs import program


def main() -> int:
    """The exit code of the command: 0 when there is a `node`, 1 otherwise."""
    try:
        program("node")
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
