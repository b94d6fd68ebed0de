"""Recorded answers of real builds, and traces made by hand, byte by byte as protobuf writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devbox.build.job import BuildJob
from devbox.build.trace import Trace, Vertex, VertexLog, decode
from devbox.engine.fake import FakeEngine
from devbox.engine.values import BuildRequest
from devbox.events import BuildLog, BuildStep, Event
from devbox.model import Plan, Snapshot

STREAMS = Path(__file__).parents[2] / "streams"
TRACE = "moby.buildkit.trace"


def recorded(name: str) -> list[Mapping[str, object]]:
    """The messages of a recording."""
    return [json.loads(line) for line in (STREAMS / f"{name}.jsonl").read_text().splitlines()]


def recorded_traces(name: str) -> list[Trace]:
    """The trace messages of a recording, decoded."""
    return [decode(str(message["aux"])) for message in recorded(name) if message.get("id") == TRACE]


def vertex(
    name: str,
    *,
    digest: str = "",
    inputs: tuple[str, ...] = (),
    cached: bool = False,
    started: float = 0.0,
    completed: float = 0.0,
    error: str = "",
) -> Vertex:
    """A vertex, known by its name unless a digest is given."""
    return Vertex(digest or name, inputs, name, cached, started, completed, error)


def trace(*vertexes: Vertex, logs: Iterable[tuple[str, int, bytes]] = ()) -> Trace:
    """One message."""
    return Trace(tuple(vertexes), (), tuple(VertexLog(*log) for log in logs))


def varint(number: int) -> bytes:
    """A number in protobuf's base 128."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def number(tag: int, value: int) -> bytes:
    """A field that holds a number; the zero is not written."""
    return varint(tag << 3) + varint(value) if value else b""


def chunk(tag: int, value: bytes) -> bytes:
    """A field that holds text, bytes or a message."""
    return varint(tag << 3 | 2) + varint(len(value)) + value


def timestamp(tag: int, seconds: float) -> bytes:
    """A field that holds a Timestamp; an absent one for 0.0."""
    if not seconds:
        return b""
    whole = int(seconds)
    return chunk(tag, number(1, whole) + number(2, round((seconds - whole) * 1e9)))


def wire(one: Trace) -> str:
    """A trace as the engine sends it in `aux`."""
    out = b""
    for v in one.vertexes:
        body = chunk(1, v.digest.encode()) + b"".join(chunk(2, digest.encode()) for digest in v.inputs)
        body += chunk(3, v.name.encode()) + number(4, v.cached)
        body += timestamp(5, v.started) + timestamp(6, v.completed) + chunk(7, v.error.encode())
        out += chunk(1, body)
    for t in one.transfers:
        body = chunk(1, t.name.encode()) + chunk(2, t.vertex.encode())
        out += chunk(2, body + number(4, t.current) + number(5, t.total))
    for log in one.logs:
        body = chunk(1, log.vertex.encode()) + timestamp(2, 1.5) + number(3, log.stream)
        out += chunk(3, body + chunk(4, log.data))
    return base64.b64encode(out).decode()


class Replay(FakeEngine):
    """An engine whose builds answer with given messages, as they are; an exception among them is raised."""

    def __init__(self, messages: Iterable[Mapping[str, object] | Exception]) -> None:
        super().__init__()
        self.messages = list(messages)
        self.requests: list[BuildRequest] = []
        self.sent = b""

    async def build(
        self, request: BuildRequest, context: Iterator[bytes]
    ) -> AsyncGenerator[Mapping[str, object], None]:
        self.requests.append(request)
        self.sent = b"".join(context)
        for message in self.messages:
            if isinstance(message, Exception):
                raise message
            yield message


@dataclass
class Heard:
    """Everything that a build said."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def steps(self) -> list[str]:
        """Every change of a step, in order, as "index/total state instruction"."""
        infos = [event.step for event in self.events if isinstance(event, BuildStep)]
        return [f"{info.index}/{info.total} {info.state} {info.instruction}" for info in infos]

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """Every line: the first word and the second of its step, the stream, the line."""
        logs = [event for event in self.events if isinstance(event, BuildLog)]
        return [(" ".join(log.step.split()[:2]), log.stream, log.line) for log in logs]


def job(root: Path = STREAMS, **changes: object) -> BuildJob:
    """A build of nothing in particular."""
    fields: dict[str, object] = {
        "number": 7,
        "tag": "devbox/test:r7",
        "root": root,
        "snapshot": Snapshot({}, ""),
        "plan": Plan("a test"),
        "dockerfile": "Dockerfile",
        "labels": {"dev.devbox.project": "test"},
    }
    return BuildJob(**{**fields, **changes})  # type: ignore[arg-type] # a test's own fields
