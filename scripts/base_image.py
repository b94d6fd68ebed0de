"""Make sure that images can be used in FROM: already there, pulled, or a stand-in that is said to be one.

scripts/base-image python:3.13-slim [NAME …]
"""

from __future__ import annotations

import sys

from scripts import stand_in
from scripts.debian import say
from scripts.engine import Engine, EngineError, SetupError, find


def ensure(engine: Engine, names: list[str]) -> None:
    """Afterwards the engine has every image of `names`; raises SetupError or EngineError."""
    registry = True
    for name in names:
        if engine.image_id(name):
            continue
        if registry:
            say(f"{name} is not on this engine; pulling it")
            try:
                engine.pull(name)
                continue
            except EngineError as error:
                registry = False
                say(f"{name} cannot be pulled ({error})")
        _stand_in(engine, name)


def _stand_in(engine: Engine, name: str) -> None:
    kept = stand_in.tar()
    local = f"devbox-stand-in:{kept.stem.removeprefix('stand-in-')}"
    if not engine.image_id(local):
        engine.import_image(kept, local, stand_in.CHANGES)
    say(f"tagging a stand-in as {name}: Debian {stand_in.SUITE} with {stand_in.PYTHON}")
    engine.tag(local, name)


def main(names: list[str]) -> int:
    """The exit code of the command: 0 when every image is there, 1 otherwise."""
    engine, _ = find()
    if engine is None:
        say("no Docker engine answers; `make test` and `make demo` set one up")
        return 1
    try:
        ensure(engine, names)
    except (SetupError, EngineError) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
