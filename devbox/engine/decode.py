"""Bytes of the engine's streams to values: JSON messages, and the lines a container wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

from devbox.engine.values import LogLine

LONGEST_LINE = 64 * 1024
Stream = Literal["stdout", "stderr"]
_STREAMS: Mapping[int, Stream] = {1: "stdout", 2: "stderr"}
FRAME_HEADER = 8


def json_messages(chunks: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
    """The JSON objects of a stream of lines, each as soon as it is whole; chunks may split them anywhere.

    Raises json.JSONDecodeError for a line that is none, also for one that breaks off at the end.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from _objects(lines)
    yield from _objects([rest])


def _objects(lines: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
    for line in lines:
        if line.strip():
            message = json.loads(line)
            if isinstance(message, dict):
                yield message


def frame(header: bytes) -> tuple[Stream, int]:
    """Stream and number of bytes that follow a frame's header of 8 bytes.

    The format is that of the Engine API's attach endpoint, "Stream format":
    https://docs.docker.com/reference/api/engine/
    """
    return _STREAMS.get(header[0], "stdout"), int.from_bytes(header[4:8], "big")


class Frames:
    """Takes the frames of a stream apart, however they were cut on their way."""

    def __init__(self) -> None:
        self._header = b""
        self._stream: Stream = "stdout"
        self._left = 0

    @property
    def whole(self) -> bool:
        """Whether what came so far ends with a frame's end."""
        return not self._left and not self._header

    def feed(self, data: bytes) -> Iterator[tuple[Stream, bytes]]:
        """What `data` has of each stream, in order; a frame may come in several pieces."""
        rest = memoryview(data)
        while rest:
            if not self._left:
                missing = FRAME_HEADER - len(self._header)
                self._header += rest[:missing]
                rest = rest[missing:]
                if len(self._header) == FRAME_HEADER:
                    self._stream, self._left = frame(self._header)
                    self._header = b""
                continue
            piece, rest = rest[: self._left], rest[self._left :]
            self._left -= len(piece)
            yield self._stream, bytes(piece)


class SeenMessages:
    """Which messages of a log have come, told by the engine's time stamps, which only grow in a stream.

    The parts of one long line share a stamp.
    """

    def __init__(self) -> None:
        self._newest: dict[Stream, tuple[bytes, int]] = {}

    def note(self, stream: Stream, stamp: bytes) -> None:
        """Notes a message, later than all before it in its stream."""
        newest, times = self._newest.get(stream, (b"", 0))
        self._newest[stream] = (stamp, times + 1 if stamp == newest else 1)

    def since(self) -> int:
        """The second since the epoch before which there is nothing new, 0 where nothing was noted."""
        stamps = [stamp for stamp, _ in self._newest.values()]
        return int(datetime.fromisoformat(min(stamps).decode()).timestamp()) if stamps else 0

    def knew(self, stream: Stream, stamp: bytes) -> bool:
        """True for a message that was noted, each asked for once and in order."""
        if not self._newest:
            return False
        newest, times = self._newest.get(stream, (max(self._newest.values())[0], 0))
        if stamp == newest and times:
            self._newest[stream] = (newest, times - 1)
            return True
        return stamp < newest


class LineAssembler:
    """Puts the pieces of one or two output streams together into lines, each stream for itself.

    A line longer than `LONGEST_LINE` bytes comes in parts of at most that length.
    """

    def __init__(self) -> None:
        self._open: dict[Stream, bytes] = {}

    def feed(self, stream: Stream, data: bytes) -> Iterator[LogLine]:
        """The lines that `data` completes."""
        *lines, rest = (self._open.get(stream, b"") + data).split(b"\n")
        for line in lines:
            for part in _parts(line.removesuffix(b"\r")):
                yield _line(stream, part)
        *full, rest = _parts(rest)
        for part in full:
            yield _line(stream, part)
        self._open[stream] = rest

    def finish(self) -> Iterator[LogLine]:
        """What was written without a line end before the streams ended."""
        for stream, rest in self._open.items():
            if rest:
                yield _line(stream, rest)
        self._open.clear()


def _line(stream: Stream, data: bytes) -> LogLine:
    return LogLine(stream, data.decode("utf-8", "replace"))


def _parts(line: bytes) -> Iterator[bytes]:
    while len(line) > LONGEST_LINE:
        cut = LONGEST_LINE
        # Not in the middle of a character: its following bytes all look like 10xxxxxx.
        while cut > LONGEST_LINE - 4 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        yield line[:cut]
        line = line[cut:]
    yield line
