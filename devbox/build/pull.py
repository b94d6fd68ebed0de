"""Base images: there already, or pulled with progress before the build starts."""

from __future__ import annotations

import time
from collections.abc import Iterable

from devbox.engine.protocol import Engine
from devbox.engine.values import ImageFacts, PullProgress
from devbox.events import BuildLog, Emit

_SAY_EVERY = 0.5


async def pull_missing(
    engine: Engine, images: Iterable[str], build: int, emit: Emit, *, anew: bool = False
) -> tuple[ImageFacts, ...]:
    """Pulls each image that the engine does not have, `anew` each one, saying how far it is twice a second;
    gives those that are there then.

    BuildKit without a session cannot answer a registry's token challenge; the pull endpoint can. Raises
    PullFailed.
    """
    found: list[ImageFacts] = []
    for image in images:
        facts = await engine.image(image)
        if facts is None or anew:
            await _pull(engine, image, build, emit)
            facts = await engine.image(image)
        if facts is not None:
            found.append(facts)
    return tuple(found)


async def _pull(engine: Engine, image: str, build: int, emit: Emit) -> None:
    step = f"pull {image}"
    emit(BuildLog(build=build, step=step, line="pulling", stream="progress"))
    said = time.monotonic()
    async for progress in engine.pull(image):
        if time.monotonic() - said >= _SAY_EVERY:
            said = time.monotonic()
            emit(BuildLog(build=build, step=step, line=_line(progress), stream="progress"))
    emit(BuildLog(build=build, step=step, line="pulled", stream="progress"))


def _line(progress: PullProgress) -> str:
    if not progress.total:
        return progress.status
    return f"{progress.current / 1e6:.1f} of {progress.total / 1e6:.1f} MB"
