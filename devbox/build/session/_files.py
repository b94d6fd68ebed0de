"""Files for BuildKit: the context and the Dockerfile, of which it fetches what it does not have yet.

After moby/buildkit, session/filesync, and tonistiigi/fsutil, send.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from devbox.build.filesync import FINISHED, Listed, part
from devbox.build.messages import INTEGER, RAW, Field, declare
from devbox.build.session._serve import Services, Stream, streaming
from devbox.errors import Superseded

_METHOD = "/moby.filesync.v1.FileSync/DiffCopy"
_PACKET = declare(
    "devbox.filesync",
    {"Packet": (Field("type", 1, INTEGER), Field("id", 3, INTEGER), Field("data", 4, RAW))},
)["Packet"]
_ASKED, _DONE = 1, 3
_IGNORE_FILE = ".dockerignore"
_CONTEXT = "context"
_PIECE = 256 * 1024
_NO_MORE = -1

Pieces = Callable[[Listed, int], Iterator[bytes]]


class Files:
    """Serves listings by the names that BuildKit has for them, and what is asked for out of `pieces`, which
    gives the packets of a file and may raise Superseded; `failure` is the first such error.

    `begun` is true once BuildKit fetches the context, `taken` is to be set when it has all of it.
    """

    def __init__(self, listings: Mapping[str, Listed], pieces: Pieces) -> None:
        self._listings = listings
        self._pieces = pieces
        self.failure: Superseded | None = None
        self.begun = False
        self.taken = asyncio.Event()

    @property
    def services(self) -> Services:
        """What to serve on the session of one build, and of no other: BuildKit keeps what it got on one."""
        return {_METHOD: streaming(self._converse, _PACKET, _PACKET)}

    async def _converse(self, stream: Stream[Any, Any]) -> None:
        await stream.send_initial_metadata()
        # Whole runs of messages at once; one by one, each would take longer than its file.
        send = stream._stream.send_data
        name, only = _wanted(stream)
        if name not in self._listings:
            raise GRPCError(Status.NOT_FOUND, f"there is no {name}")
        listed = part(self._listings[name], only) if only else self._listings[name]
        self.begun = self.begun or (not only and name == _CONTEXT)
        try:
            await send(listed.packets)
            await self._answer(stream, send, listed)
        except Superseded as error:
            self.failure = self.failure or error
            raise GRPCError(Status.ABORTED, str(error)) from error

    async def _answer(
        self, stream: Stream[Any, Any], send: Callable[[bytes], Awaitable[None]], listed: Listed
    ) -> None:
        """Sends what is asked for until nothing more is."""
        asked: asyncio.Queue[int] = asyncio.Queue()

        async def listen() -> None:
            try:
                async for packet in stream:
                    if packet.type == _ASKED:
                        asked.put_nowait(packet.id)
                    elif packet.type == _DONE:
                        break
            finally:
                asked.put_nowait(_NO_MORE)

        listening = asyncio.create_task(listen())
        try:
            numbers = [0]
            while _NO_MORE not in numbers:
                numbers = [await asked.get()]
                while not asked.empty():
                    numbers.append(asked.get_nowait())
                packets = self._packets(listed, [number for number in numbers if number != _NO_MORE])
                while piece := await asyncio.to_thread(next, packets, b""):
                    await send(piece)
        finally:
            listening.cancel()
            await asyncio.wait({listening})
        await send(FINISHED)

    def _packets(self, listed: Listed, numbers: list[int]) -> Iterator[bytes]:
        buffer = bytearray()
        for number in numbers:
            for packet in self._pieces(listed, number):
                buffer += packet
                if len(buffer) >= _PIECE:
                    yield bytes(buffer)
                    buffer.clear()
        if buffer:
            yield bytes(buffer)


def _wanted(stream: Stream[Any, Any]) -> tuple[str, tuple[str, ...]]:
    """Which listing BuildKit asks for, and the paths it wants of it where it wants no more than the ignore
    file; what it reaches otherwise was chosen before."""
    metadata = stream.metadata
    if metadata is None:
        return "", ()
    paths = tuple(str(path) for path in metadata.getall("followpaths", ()))
    return str(metadata.get("dir-name", "")), paths if paths == (_IGNORE_FILE,) else ()
