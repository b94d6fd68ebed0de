"""A container's standard streams: POST /containers/{id}/attach, and what the rest of devbox sees of it."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

from devbox.engine import facts
from devbox.engine.calls import Calls
from devbox.engine.hijacked import Connection
from devbox.engine.translate import translated
from devbox.engine.transport import Transport
from devbox.engine.upgrade import Upgrades


class StandardStreams:
    """An `Attached` of the real engine."""

    def __init__(self, connection: Connection, what: str, url: str) -> None:
        self._connection, self._what, self._url = connection, what, url

    async def send(self, data: bytes) -> None:
        """Returns once the engine has taken the bytes for the container's standard input.

        Waits as long as some are taken every 60 s. One that fails or is cancelled ends the streams. Raises
        Conflict where the container has ended or the streams were closed, EngineUnreachable.
        """
        with self._translated():
            await self._connection.send(data)

    async def line(self) -> str | None:
        """The next line of its standard output, None once it has ended; raises EngineUnreachable.

        A line longer than `decode.LONGEST_LINE` bytes comes in parts.
        """
        with self._translated():
            return await self._connection.line()

    async def close(self) -> None:
        """Leaves, within 0.2 s; the container's standard input ends. Closed already is fine."""
        await self._connection.leave()

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return translated(self._what, self._url)


class Attachments:
    """The attached streams of one adapter: each ends with its own `close`, or with `close` here."""

    def __init__(self, calls: Calls) -> None:
        self._upgrades: Upgrades[Connection] = Upgrades(calls)

    async def open(self, transport: Transport, container: str) -> StandardStreams:
        """The streams of a container, which need not be started yet; raises NotFound, EngineUnreachable."""
        path = f"/containers/{quote(container, safe='')}/attach?stream=1&stdin=1&stdout=1"
        what = f"cannot attach to {facts.short(container)}"
        connection = await self._upgrades.open(transport, Connection, path, [("Upgrade", "tcp")], what)
        broken = f"the streams of {facts.short(container)} broke off"
        return StandardStreams(connection, broken, transport.address.url)

    async def close(self) -> None:
        """Ends all; who waits for one gets EngineUnreachable."""
        await self._upgrades.close()
