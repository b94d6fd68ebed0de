"""What demo, test and bench need besides .venv: an engine that answers, and a base image."""

from __future__ import annotations

import sys

from scripts import base_image, dockerd
from scripts.debian import say
from scripts.engine import EngineError, SetupError, find

BASE_IMAGE = "python:3.13-slim"


def main() -> int:
    """The exit code of the command: 0 when both are there, 1 otherwise."""
    engine, silent = find()
    for address in silent:
        say(f"no engine answers at {address.source}; looking elsewhere")
    try:
        base_image.ensure(engine or dockerd.start(), [BASE_IMAGE])
    except (SetupError, EngineError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
