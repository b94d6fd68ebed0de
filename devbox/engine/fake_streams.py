"""The standard streams of a fake container, and what is unpacked into it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator

from devbox.engine.fake_container import FakeContainer
from devbox.engine.protocol import LogLine
from devbox.errors import Conflict


class FakeStreams:
    """An `Attached` of the fake engine."""

    def __init__(self, container: FakeContainer) -> None:
        self._container = container
        self._rest = b""
        self._lines: AsyncIterator[LogLine] | None = None

    async def send(self, data: bytes) -> None:
        """The container takes the bytes; one that echoes writes each whole line."""
        if self._container.status == "exited" or self._container.removed:
            raise Conflict("the container takes no input", cause="it has ended")
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._container.behaviour.echoes:
            for line in lines:
                await self._container.say(line.decode())

    async def line(self) -> str | None:
        """The next line of its standard output, None once it has ended."""
        if self._lines is None:
            self._lines = self._container.lines(follow=True, tail=None)
        async for piece in self._lines:
            if piece.stream == "stdout":
                return piece.line
        return None

    async def close(self) -> None:
        """Leaves; a container that echoes ends."""
        if self._container.behaviour.echoes:
            await self._container.end(0)


def names_in(tar: bytes) -> set[str]:
    """The absolute paths that a tar unpacks to at the root."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {f"/{name}" for name in opened.getnames()}
