"""What is left of a devbox that is down: processes, sockets, files, its port."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

_PORT_ASKED_FOR = 1.0


def left(sockets: Path, url: str) -> tuple[str, ...]:
    """Everything that has to do with the folder `sockets` or answers at `url`, each in a few words."""
    return (
        *(f"process {pid}" for pid in _processes(f"XDG_RUNTIME_DIR={sockets}".encode())),
        *(f"socket {path}" for path in _listening(str(sockets))),
        *(f"file {path}" for path in sockets.rglob("*") if not path.is_dir()),
        *([f"port of {url}"] if _answers(url) else ()),
    )


def _processes(variable: bytes) -> Iterator[int]:
    """Those that were started with this variable; what this process set later is not its own."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                started_with = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                # It ended meanwhile, or belongs to somebody else.
                continue
            if variable in started_with:
                yield int(folder.name)


def _listening(folder: str) -> Iterator[str]:
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        path = line.rpartition(" ")[2]
        if path.startswith(folder + os.sep):
            yield path


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), _PORT_ASKED_FOR):
            return True
    except OSError:
        return False
