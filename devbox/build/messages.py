"""Protobuf messages declared at run time: generated code would tie devbox to one protobuf release.

Only the fields that devbox uses are declared; protobuf skips the rest. A field's type is one of `TEXT`,
`INTEGER`, `FLAG`, `RAW`, `TIMESTAMP`, or the name of another message of the same package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import DecodeError

__all__ = ["FLAG", "INTEGER", "RAW", "TEXT", "TIMESTAMP", "DecodeError", "Field", "declare"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_TIMESTAMPS = "google/protobuf/timestamp.proto"

TEXT, INTEGER, FLAG, RAW = "string", "int64", "bool", "bytes"
TIMESTAMP = ".google.protobuf.Timestamp"
_PLAIN = {
    TEXT: _FIELD.TYPE_STRING,
    INTEGER: _FIELD.TYPE_INT64,
    FLAG: _FIELD.TYPE_BOOL,
    RAW: _FIELD.TYPE_BYTES,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    number: int
    kind: str
    repeated: bool = False


def declare(package: str, messages: Mapping[str, tuple[Field, ...]]) -> dict[str, Any]:
    """The message classes by name."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3", dependency=[_TIMESTAMPS]
    )
    for name, fields in messages.items():
        declared = file.message_type.add(name=name)
        for field in fields:
            nested = f".{package}.{field.kind}" if field.kind in messages else field.kind
            declared.field.add(
                name=field.name,
                number=field.number,
                type=_PLAIN.get(field.kind, _FIELD.TYPE_MESSAGE),
                type_name=None if field.kind in _PLAIN else nested,
                label=_FIELD.LABEL_REPEATED if field.repeated else _FIELD.LABEL_OPTIONAL,
            )
    pool = descriptor_pool.DescriptorPool()
    timestamps = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(timestamps)
    pool.Add(timestamps)
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }
