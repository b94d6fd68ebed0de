"""An engine that takes a build and never says a word: waited for, but not for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping

from devbox.errors import EngineRefused

FIRST_WORD_WITHIN = 60.0
_LOOK_EVERY = 0.5

Message = Mapping[str, object]


class Sending:
    """Hands a context on piece by piece and remembers when the engine took the last one."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.last = time.monotonic()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.last = time.monotonic()
            yield piece


async def answered(
    messages: AsyncIterator[Message], sending: Sending, bound: float = FIRST_WORD_WITHIN
) -> AsyncIterator[Message]:
    """The messages as they come; raises EngineRefused where the first one is not there `bound` seconds after
    the engine took the last piece of the context.

    Once it has begun, a build may be silent for as long as its step takes: only the step knows.
    """
    first = asyncio.create_task(_next(messages))
    try:
        while not first.done():
            await asyncio.wait({first}, timeout=_LOOK_EVERY)
            if not first.done() and time.monotonic() - sending.last > bound:
                raise EngineRefused(
                    "the engine does not begin the build",
                    cause=f"it answers other requests, but said nothing about this one for {bound:g}s",
                    hint="restart Docker: its builder hangs",
                )
        message = first.result()
    finally:
        if not first.done():
            first.cancel()
            await asyncio.wait({first})
    if message is not None:
        yield message
        async for later in messages:
            yield later


async def _next(messages: AsyncIterator[Message]) -> Message | None:
    async for message in messages:
        return message
    return None
