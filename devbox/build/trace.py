"""BuildKit's trace messages as frozen values.

The Engine sends `{"id": "moby.buildkit.trace", "aux": "<base64>"}` whose payload is the protobuf message
`moby.buildkit.v1.StatusResponse` (moby/buildkit, api/services/control/control.proto). Timestamps
become seconds since the epoch, 0.0 where absent.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from devbox.build.messages import FLAG, INTEGER, RAW, TEXT, TIMESTAMP, DecodeError, Field, declare
from devbox.errors import EngineRefused


@dataclass(frozen=True, slots=True)
class Vertex:
    """One node of the build graph; it is sent again each time it changes. `inputs` are digests."""

    digest: str
    inputs: tuple[str, ...]
    name: str
    cached: bool
    started: float
    completed: float
    error: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Progress of a transfer within a vertex, in bytes; `total` is 0 where unknown."""

    vertex: str
    name: str
    current: int
    total: int


@dataclass(frozen=True, slots=True)
class VertexLog:
    """A piece of a vertex's output; `stream` is 1 for stdout, 2 for stderr."""

    vertex: str
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """One decoded message."""

    vertexes: tuple[Vertex, ...]
    transfers: tuple[Transfer, ...]
    logs: tuple[VertexLog, ...]


_StatusResponse = declare(
    "devbox.trace",
    {
        "Vertex": (
            Field("digest", 1, TEXT),
            Field("inputs", 2, TEXT, repeated=True),
            Field("name", 3, TEXT),
            Field("cached", 4, FLAG),
            Field("started", 5, TIMESTAMP),
            Field("completed", 6, TIMESTAMP),
            Field("error", 7, TEXT),
        ),
        "VertexStatus": (
            Field("ID", 1, TEXT),
            Field("vertex", 2, TEXT),
            Field("current", 4, INTEGER),
            Field("total", 5, INTEGER),
        ),
        "VertexLog": (Field("vertex", 1, TEXT), Field("stream", 3, INTEGER), Field("msg", 4, RAW)),
        "StatusResponse": (
            Field("vertexes", 1, "Vertex", repeated=True),
            Field("statuses", 2, "VertexStatus", repeated=True),
            Field("logs", 3, "VertexLog", repeated=True),
        ),
    },
)["StatusResponse"]


def decode(aux: str) -> Trace:
    """The trace in one message's `aux`; raises EngineRefused for what is no such message."""
    try:
        response = _StatusResponse.FromString(base64.b64decode(aux, validate=True))
    except (DecodeError, binascii.Error, ValueError) as error:
        raise EngineRefused("the engine's build trace cannot be read", cause=str(error)) from error
    return Trace(
        vertexes=tuple(
            Vertex(
                digest=vertex.digest,
                inputs=tuple(vertex.inputs),
                name=vertex.name,
                cached=vertex.cached,
                started=_seconds(vertex.started),
                completed=_seconds(vertex.completed),
                error=vertex.error,
            )
            for vertex in response.vertexes
        ),
        transfers=tuple(
            Transfer(status.vertex, status.ID, status.current, status.total) for status in response.statuses
        ),
        logs=tuple(VertexLog(log.vertex, log.stream, log.msg) for log in response.logs),
    )


def _seconds(timestamp: Any) -> float:
    return float(timestamp.seconds) + float(timestamp.nanos) / 1e9
