"""The lock beside the control socket: who holds it is the gate, and death of any kind frees it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

# sun_path holds 108 bytes on Linux and 104 on macOS, the last of them a NUL.
PATH_BYTES = 103 if sys.platform == "darwin" else 107


def lock_path(socket_path: Path) -> Path:
    """The lock file that belongs to the control socket at `socket_path`; it is left behind on purpose, since
    removing it would let two gates hold two files of one name."""
    return socket_path.with_name(socket_path.name + ".lock")


def acquire(socket_path: Path) -> bool:
    """Become the gate of `socket_path` for the life of this process, with the process id in the file; False
    where another one is."""
    descriptor = os.open(lock_path(socket_path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return True


def regain(socket_path: Path) -> bool:
    """Be the gate of `socket_path` still, or again, where the socket was removed, be it with its directory;
    False where it is there, or where another process is the gate by now.

    Raises OSError where the directory cannot be made, or is another user's.
    """
    if socket_path.exists():
        return False
    for folder in (socket_path.parent.parent, socket_path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), folder)
    return holder(socket_path) == os.getpid() or acquire(socket_path)


def holder(socket_path: Path) -> int | None:
    """The process id of the gate of `socket_path`, None where none runs; 0 where it has not said yet."""
    with _trial(socket_path) as (free, text):
        return None if free else int(text or "0")


def remove_stale(socket_path: Path) -> bool:
    """Remove the socket file a dead gate left behind; False, and nothing is removed, while a gate lives."""
    with _trial(socket_path) as (free, _):
        if free:
            socket_path.unlink(missing_ok=True)
        return free


@contextlib.contextmanager
def _trial(socket_path: Path) -> Iterator[tuple[bool, str]]:
    try:
        descriptor = os.open(lock_path(socket_path), os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield True, ""
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False, os.read(descriptor, 32).decode("ascii", "replace")
    else:
        yield True, ""
    finally:
        os.close(descriptor)
