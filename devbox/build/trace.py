"""BuildKit's trace messages as frozen values.

The Engine sends `{"id": "moby.buildkit.trace", "aux": "<base64>"}` whose payload is the protobuf message
`moby.buildkit.v1.StatusResponse` (moby/buildkit, api/services/control/control.proto). Only the fields that
devbox reads are declared; protobuf skips the rest. Timestamps become seconds since the epoch, 0.0 where
absent.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import DecodeError

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


def _status_response() -> Any:
    """The message class, declared at run time: generated code would tie devbox to one protobuf release."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="devbox/buildkit_trace.proto",
        package="devbox.trace",
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )

    def message(name: str, *fields: tuple[str, int, int, str, bool]) -> None:
        declared = file.message_type.add(name=name)
        for label, number, kind, type_name, repeated in fields:
            declared.field.add(
                name=label,
                number=number,
                type=field.Type.ValueType(kind),
                type_name=type_name or None,
                label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
            )

    text, integer, flag, raw, nested = (
        field.TYPE_STRING,
        field.TYPE_INT64,
        field.TYPE_BOOL,
        field.TYPE_BYTES,
        field.TYPE_MESSAGE,
    )
    timestamp = ".google.protobuf.Timestamp"
    message(
        "Vertex",
        ("digest", 1, text, "", False),
        ("inputs", 2, text, "", True),
        ("name", 3, text, "", False),
        ("cached", 4, flag, "", False),
        ("started", 5, nested, timestamp, False),
        ("completed", 6, nested, timestamp, False),
        ("error", 7, text, "", False),
    )
    message(
        "VertexStatus",
        ("ID", 1, text, "", False),
        ("vertex", 2, text, "", False),
        ("current", 4, integer, "", False),
        ("total", 5, integer, "", False),
    )
    message(
        "VertexLog",
        ("vertex", 1, text, "", False),
        ("stream", 3, integer, "", False),
        ("msg", 4, raw, "", False),
    )
    message(
        "StatusResponse",
        ("vertexes", 1, nested, ".devbox.trace.Vertex", True),
        ("statuses", 2, nested, ".devbox.trace.VertexStatus", True),
        ("logs", 3, nested, ".devbox.trace.VertexLog", True),
    )
    pool = descriptor_pool.DescriptorPool()
    timestamps = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(timestamps)
    pool.Add(timestamps)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("devbox.trace.StatusResponse"))


_StatusResponse = _status_response()


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
