"""What a file or link holds, read so that neither a pipe nor a link nor a writer can play a trick."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass

from devbox.digest import new_hasher

_PIECE = 1024 * 1024
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Key = tuple[int, int, int, int, int, int]


class ScanStopped(Exception):
    """The scan was told to stop; it never leaves this room."""


class NotRegular(Exception):
    """What was opened is no regular file (any more); it never leaves this room."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`digest` of the bytes read, `status` of the file at its opening, `steady` if nobody wrote meanwhile."""

    digest: str
    status: os.stat_result
    steady: bool


def key_of(status: os.stat_result) -> Key:
    """What changes whenever content or mode may have changed, time stamps permitting."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
    )


def read_file(path: str, stop: threading.Event, *, follow: bool = False) -> Reading:
    """Digests a regular file without waiting for anybody, links followed only with `follow`.

    Raises NotRegular, ScanStopped (between pieces of 1 MiB), and OSError as it comes.
    """
    descriptor = os.open(path, _OPEN_FLAGS & ~os.O_NOFOLLOW if follow else _OPEN_FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise NotRegular
        hasher = new_hasher()
        while piece := os.read(descriptor, _PIECE):
            hasher.update(piece)
            if stop.is_set():
                raise ScanStopped
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return Reading(hasher.hexdigest(), before, key_of(before) == key_of(after))


def link_digest(path: str) -> str:
    """Digests where a link leads, as bytes; raises OSError as it comes, EINVAL where it is no link."""
    hasher = new_hasher()
    hasher.update(os.fsencode(os.readlink(path)))  # noqa: PTH115 - the path is a plain string here
    return hasher.hexdigest()
