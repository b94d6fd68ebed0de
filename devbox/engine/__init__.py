"""The container engine: `connect` finds it, `protocol.Engine` is what may be asked of it.

Only this package knows the docker SDK, and imports it on the first `connect`: that takes longer than
everything a command that needs no engine does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.errors import EngineUnreachable

if TYPE_CHECKING:
    from devbox.engine.docker import DockerEngine


async def connect(address: str | None = None) -> DockerEngine:
    """An engine that has answered and agreed on a version of the API; raises EngineUnreachable, or
    EngineRefused for one that is too old.

    Looks at `address` or else, like the docker CLI, at DOCKER_HOST (with DOCKER_TLS_VERIFY and
    DOCKER_CERT_PATH), DOCKER_CONTEXT, the current docker context, and the usual sockets in turn.
    """
    from devbox.engine.address import addresses
    from devbox.engine.docker import DockerEngine

    refusals: list[EngineUnreachable] = []
    for candidate in addresses(address, os.environ, Path.home()):
        engine = DockerEngine(candidate)
        try:
            await engine.negotiate()
        except EngineUnreachable as error:
            await engine.close()
            refusals.append(error)
        except BaseException:
            await engine.close()
            raise
        else:
            return engine
    raise _most_telling(refusals)


def _most_telling(refusals: list[EngineUnreachable]) -> EngineUnreachable:
    # A socket that is there but closed to us says more than those that are not there.
    return next((refusal for refusal in refusals if "permission" in refusal.what), refusals[0])
