"""The build context as a tar stream, made of the very bytes that were hashed."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devbox.digest import new_hasher
from devbox.errors import Superseded
from devbox.model import Entry, Kind, Snapshot, StagedFile, StagedPath, Staging

_BLOCK = 512
_PIECE = 256 * 1024
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def tar_stream(root: Path, snapshot: Snapshot, extra: Mapping[str, bytes]) -> Iterator[bytes]:
    """Yields an uncompressed GNU tar of the snapshot in pieces of about 256 KiB, never more in memory.

    `extra` (name -> content) wins over an entry of the same name. GNU headers, not PAX: with PAX first,
    BuildKit takes the whole body for a Dockerfile. Raises Superseded where a file is no longer what the
    snapshot says, so that a context is sent whole and consistent or not at all.
    """
    buffer = bytearray()
    for piece in _pieces(root, snapshot, extra):
        buffer += piece
        if len(buffer) >= _PIECE:
            yield bytes(buffer)
            buffer.clear()
    buffer += bytes(2 * _BLOCK)
    yield bytes(buffer)


def read_staged(
    root: Path, snapshot: Snapshot, extra: Mapping[str, bytes], staging: Staging
) -> tuple[StagedFile, ...]:
    """What a standby is given: the very bytes of the snapshot, as `tar_stream` sends them to the builder.

    Blocks on the disk. Raises Superseded as `tar_stream` does.
    """
    return tuple(_staged(root, snapshot, extra, path) for path in staging.paths)


def content_of(root: Path, name: str, entry: Entry) -> Iterator[bytes]:
    """Yields what a file of the snapshot holds; raises Superseded as `tar_stream` does."""
    with _opened(os.path.join(root, name), name, entry) as (descriptor, _):  # noqa: PTH118 - as in _entry
        yield from _content(descriptor, name, entry)


def link_target(root: Path, name: str, entry: Entry) -> str:
    """Where a link of the snapshot leads; raises Superseded as `tar_stream` does."""
    return _link_target(os.path.join(root, name), name, entry)  # noqa: PTH118 - as in _entry


def _staged(root: Path, snapshot: Snapshot, extra: Mapping[str, bytes], path: StagedPath) -> StagedFile:
    if path.source in extra:
        return StagedFile(path, extra[path.source])
    place = os.path.join(root, path.source)  # noqa: PTH118 - as in _entry
    if path.kind is Kind.FILE:
        entry = snapshot.entries[path.source]
        with _opened(place, path.source, entry) as (descriptor, _):
            return StagedFile(path, b"".join(_content(descriptor, path.source, entry)), entry.stamp)
    if path.kind is Kind.SYMLINK:
        target = _link_target(place, path.source, snapshot.entries[path.source])
        return StagedFile(path, os.fsencode(target))
    return StagedFile(path)


def _pieces(root: Path, snapshot: Snapshot, extra: Mapping[str, bytes]) -> Iterator[bytes]:
    for name, content in extra.items():
        known = snapshot.entries.get(name)
        yield _header(name, mode=known.mode if known else 0o644, size=len(content))
        yield content
        yield _padding(len(content))
    for name, entry in snapshot.entries.items():
        if name not in extra:
            yield from _entry(root, name, entry)


def _entry(root: Path, name: str, entry: Entry) -> Iterator[bytes]:
    path = os.path.join(root, name)  # noqa: PTH118 - Path would cost more than the read of a small file
    if entry.kind is Kind.DIRECTORY:
        yield _header(name, mode=entry.mode, kind=tarfile.DIRTYPE)
    elif entry.kind is Kind.SYMLINK:
        yield _header(name, mode=0o777, kind=tarfile.SYMTYPE, link=_link_target(path, name, entry))
    else:
        yield from _file(path, name, entry)


def _link_target(path: str, name: str, entry: Entry) -> str:
    try:
        target = os.readlink(path)  # noqa: PTH115 - the path is a plain string here
    except OSError as error:
        raise _changed(name) from error
    hasher = new_hasher()
    hasher.update(os.fsencode(target))
    if hasher.hexdigest() != entry.digest:
        raise _changed(name)
    return target


def _file(path: str, name: str, entry: Entry) -> Iterator[bytes]:
    with _opened(path, name, entry) as (descriptor, mtime):
        yield _header(name, mode=entry.mode, size=entry.size, mtime=mtime)
        yield from _content(descriptor, name, entry)
        yield _padding(entry.size)


@contextmanager
def _opened(path: str, name: str, entry: Entry) -> Iterator[tuple[int, int]]:
    """The file's descriptor, and when it was changed in whole seconds."""
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        raise _changed(name) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
            raise _changed(name)
        yield descriptor, int(status.st_mtime)
    finally:
        os.close(descriptor)


def _content(descriptor: int, name: str, entry: Entry) -> Iterator[bytes]:
    """The bytes of the snapshot, or Superseded before the last of them."""
    hasher = new_hasher()
    left = entry.size
    while left:
        piece = _read(descriptor, min(left, _PIECE), name)
        left -= len(piece)
        hasher.update(piece)
        if not left and hasher.hexdigest() != entry.digest:
            raise _changed(name)
        yield piece


def _read(descriptor: int, size: int, name: str) -> bytes:
    try:
        piece = os.read(descriptor, size)
    except OSError as error:
        raise _changed(name) from error
    if not piece:
        raise _changed(name)
    return piece


def _changed(name: str) -> Superseded:
    return Superseded(f"{name} changed while it was being sent")


def _header(
    name: str, *, mode: int, size: int = 0, mtime: int = 0, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> bytes:
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.mtime, info.type, info.linkname = mode, size, mtime, kind, link
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)
