"""A BuildKit frontend for tests: hands the Dockerfile on to the engine's own, with one build argument more.

It runs inside an image with Python and nothing else, as a client of the gateway over its standard streams
(moby/buildkit, frontend/gateway/pb/gateway.proto): HTTP/2 with just what two unary gRPC calls need.
"""

from __future__ import annotations

import os
import struct
import sys

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4
_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(message: bytes) -> dict[int, bytes]:
    """The fields of a message that hold bytes."""
    found, at = {}, 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = number()
        size = number()
        if key & 7 == 2:
            found[key >> 3] = message[at : at + size]
            at += size
    return found


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name: str, value: str) -> bytes:
    """A header that is kept in no table."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def call(stream: int, method: str, request: bytes) -> bytes:
    """The answer to a unary call; ends the program where there is none."""
    head = {
        ":method": "POST",
        ":scheme": "http",
        ":path": _BRIDGE + method,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    send(frame(_HEADERS, _END_HEADERS, stream, b"".join(header(*pair) for pair in head.items())))
    send(frame(_DATA, _END_STREAM, stream, b"\0" + struct.pack(">I", len(request)) + request))
    answer = b""
    while True:
        size, kind, flags, number = receive()
        payload = sys.stdin.buffer.read(size)
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            send(frame(kind, _ACK, 0, payload if kind == _PING else b""))
        elif kind == _DATA and number == stream:
            answer += payload
        elif kind in (_RESET, _GOAWAY):
            sys.exit(f"{method} was broken off: {payload!r}")
        if number == stream and kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            break
    if not answer:
        sys.exit(f"{method} failed")
    return answer[5:]


def send(data: bytes) -> None:
    """Writes to BuildKit."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def receive() -> tuple[int, int, int, int]:
    """The head of the next frame: its size, kind, flags and stream."""
    head = sys.stdin.buffer.read(9)
    if len(head) < 9:
        sys.exit("BuildKit left")
    return int.from_bytes(head[:3]), head[3], head[4], int.from_bytes(head[5:9]) & 0x7FFFFFFF


def main() -> None:
    """Solves the Dockerfile, and returns the result as it is."""
    given = [value for name, value in os.environ.items() if name.startswith("BUILDKIT_FRONTEND_OPT_")]
    options = dict(option.split("=", 1) for option in given)
    options["build-arg:READ_BY"] = "the frontend of the test"
    send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(_SETTINGS, 0, 0))
    request = field(2, "dockerfile.v0")
    for name, value in options.items():
        request += field(3, field(1, name) + field(2, value))
    # Result messages, and in the form of today.
    request += field(5, 1) + field(6, 1)
    result = fields(call(1, "Solve", request))[3]
    call(3, "Return", field(1, result))


if __name__ == "__main__":
    main()
