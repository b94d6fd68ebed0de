"""What only the running application's container tells: its command line, its folders, what it has loaded."""

from __future__ import annotations

from collections.abc import Iterable

from devbox.engine.protocol import Engine
from devbox.engine.values import ImageFacts
from devbox.errors import StandbyFailed
from devbox.model import Cold
from devbox.release.standby import wire
from devbox.release.standby.command import LOOK, Launch, launch

_BOUND = 10.0
_FOLDERS = 'for path; do [ -d "$path" ] && echo "$path"; done; true'


async def look(engine: Engine, container: str, image: ImageFacts) -> Launch:
    """How the application in this container was begun; raises StandbyFailed where a standby cannot be begun
    like it, EngineError."""
    done = await engine.exec(container, ("/bin/sh", "-c", LOOK), _BOUND)
    if done.exit_status != 0:
        raise StandbyFailed("its container has no shell to look around with")
    found = launch(done.output, (*image.entrypoint, *image.command))
    if isinstance(found, Cold):
        raise StandbyFailed(found.reason)
    return found


async def directories_among(engine: Engine, container: str, paths: Iterable[str]) -> frozenset[str]:
    """Which of these absolute paths are directories in the container."""
    asked = tuple(paths)
    if not asked:
        return frozenset()
    done = await engine.exec(container, ("/bin/sh", "-c", _FOLDERS, "sh", *asked), _BOUND)
    return frozenset(done.output.splitlines())


async def loaded_since(engine: Engine, container: str) -> tuple[str, ...]:
    """The modules that an application which stood by has loaded after it was told to go; none of another."""
    done = await engine.exec(container, ("/bin/sh", "-c", f"cat {wire.RECORDED}"), _BOUND)
    return tuple(done.output.split()) if done.exit_status == 0 else ()
