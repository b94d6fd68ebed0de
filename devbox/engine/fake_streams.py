"""The standard streams of a fake container, and what is unpacked into it."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

from devbox.engine.fake_container import FakeContainer
from devbox.engine.fake_presence import Listeners, Presence
from devbox.errors import EngineRefused


class FakeStreams:
    """An `Attached` of the fake engine."""

    def __init__(self, container: FakeContainer, presence: Presence, listeners: Listeners) -> None:
        self._container, self._presence, self._listeners = container, presence, listeners
        self._position = container.written
        self._closed = False

    async def send(self, data: bytes) -> None:
        """The container takes the bytes; raises Conflict where it has ended or the streams were closed."""
        self._presence.check()
        await self._container.give(data)

    async def line(self) -> str | None:
        """The next line of its standard output, None once it has ended or the streams were closed."""
        while not self._closed:
            pieces = await self._presence.unless_gone(self._container.lines_from(self._position))
            if not pieces:
                break
            self._position += 1
            if pieces[0].stream == "stdout":
                return pieces[0].line
        return None

    async def close(self) -> None:
        """Leaves; the container's standard input ends. Closed already is fine."""
        if not self._closed:
            self._closed = True
            running = self._container.status == "running"
            await self._container.end_input()
            if running and self._container.status == "exited":
                self._listeners.tell("die", self._container)


def paths_in(tar: bytes) -> set[str]:
    """The absolute paths that there are once a tar is unpacked at the root; raises EngineRefused."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
            paths = [PurePosixPath("/", name) for name in opened.getnames()]
    except tarfile.TarError as error:
        raise EngineRefused("cannot put files into the container", cause=str(error)) from error
    return {str(path) for named in paths for path in (named, *named.parents)}
