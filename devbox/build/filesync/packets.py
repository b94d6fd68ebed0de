"""fsutil's packets, each as a whole gRPC message with its length in front, so that many go out in one piece.

Written by hand: thousands are made for each build, and protobuf's classes take ten times as long.
"""

from __future__ import annotations

from devbox.model import Entry, Kind

# Of Go's os.FileMode.
_DIRECTORY, _SYMLINK = 1 << 31, 1 << 27
_SPECIAL = ((0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20))


def stat(path: str, entry: Entry, link: bytes = b"") -> bytes:
    """A path of the listing."""
    name = path.encode()
    mode = entry.mode & 0o777
    if entry.mode > 0o777:
        mode |= sum(bit for special, bit in _SPECIAL if entry.mode & special)
    time = size = 0
    if entry.kind is Kind.DIRECTORY:
        mode |= _DIRECTORY
    elif entry.kind is Kind.SYMLINK:
        mode, size = mode | _SYMLINK, len(link)
    else:
        size = entry.size
        time = entry.stamp
    body = b"".join(
        (
            b"\x0a",
            _varint(len(name)),
            name,
            b"\x10",
            _varint(mode),
            b"\x28" + _varint(size) if size else b"",
            b"\x30" + _varint(time) if time else b"",
            b"\x3a" + _varint(len(link)) + link if link else b"",
        )
    )
    return _message(b"\x12" + _varint(len(body)) + body)


def data(number: int, content: bytes) -> bytes:
    """A piece of the file that stands at `number` in the listing, from 0 on."""
    return _message(b"\x08\x02\x18" + _varint(number) + b"\x22" + _varint(len(content)) + content)


def finished_file(number: int) -> bytes:
    """That the file has no more pieces."""
    return _message(b"\x08\x02\x18" + _varint(number))


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(packet: bytes) -> bytes:
    return b"\0" + len(packet).to_bytes(4, "big") + packet


END_OF_LISTING = _message(b"")
FINISHED = _message(b"\x08\x03")
