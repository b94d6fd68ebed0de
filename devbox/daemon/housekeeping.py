"""Removing our own superseded images, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

from devbox.config import Config
from devbox.daemon.memory import recall, superseded_images
from devbox.engine.protocol import Engine
from devbox.errors import EngineError


async def remove_superseded_images(
    engine: Engine,
    config: Config,
    serving: tuple[str, ...],
    fit: Callable[[int], bool] = lambda _: True,
) -> None:
    """Keeps the newest `keep_images` images of the project whose revisions are `fit` to serve again, and the
    serving ones; others go, by id."""
    try:
        memory = await recall(engine, config)
        for image in superseded_images(memory, serving, config.keep_images, fit):
            await engine.remove_image(image)
    except EngineError:
        # In use, or the engine is gone: the next round tries again.
        return
