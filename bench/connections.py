"""HTTP/1.1 connections to one URL, new ones and kept ones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bench.answer import content_length


@dataclass(frozen=True, slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        """Whether the other side has neither closed it nor said anything unasked."""
        return not (self.writer.is_closing() or self.reader.at_eof())


class Connections:
    """GET of one path; of the kept connections those that rest are used again, as by any client's pool."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path
        self._resting: list[_Connection] = []

    async def get(self, *, kept: bool) -> str | None:
        """The body of the answer, None where it is not 200; OSError, EOFError and ValueError where there is
        no complete one. A connection that was closed while it rested costs nothing: a client sees that."""
        connection = self._rested() if kept else None
        if connection is None:
            connection = _Connection(*await asyncio.open_connection(self._host, self._port))
        done = False
        try:
            body = await self._ask(connection, "keep-alive" if kept else "close")
            done = kept
        finally:
            if done:
                self._resting.append(connection)
            else:
                connection.writer.close()
        return body

    def close(self) -> None:
        """Closes those that rest."""
        for connection in self._resting:
            connection.writer.close()

    def _rested(self) -> _Connection | None:
        while self._resting:
            connection = self._resting.pop(0)
            if connection.usable:
                return connection
            connection.writer.close()
        return None

    async def _ask(self, connection: _Connection, how: str) -> str | None:
        lines = (
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            f"Connection: {how}",
            "\r\n",
        )
        connection.writer.write("\r\n".join(lines).encode())
        head = await connection.reader.readuntil(b"\r\n\r\n")
        length = content_length(head)
        if length is None:
            # What follows was not read; the next request must not take it for its answer.
            connection.writer.close()
            return None
        return (await connection.reader.readexactly(length)).decode()
