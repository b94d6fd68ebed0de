"""Become a command that finds the engine set-up found, in its environment.

python -m scripts.with_engine COMMAND [ARGUMENT …]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from scripts import dockerd
from scripts.debian import say
from scripts.engine import DEFAULT_SOCKET, Engine, find


def environment(engine: Engine, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` and what leads Docker's clients and devbox to `engine`: nothing at the default socket."""
    result = dict(environ)
    if engine.address.url != DEFAULT_SOCKET or environ.get("DOCKER_HOST"):
        result |= engine.address.environment()
    if network := dockerd.build_network(engine):
        result.setdefault("DEVBOX_BUILD_NETWORK", network)
    return {name: value for name, value in result.items() if value or not name.startswith("DOCKER_")}


def main(command: list[str]) -> None:
    """Returns only where no engine answers."""
    engine, _ = find()
    if engine is None:
        say("no Docker engine answers; `make test` and `make demo` set one up")
        return
    os.execvpe(command[0], command, environment(engine, os.environ))


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.exit(1)
