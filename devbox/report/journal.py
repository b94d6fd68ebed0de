"""What happened to a project, kept for people: the lines of `--output jsonl` in a file of the user's own.

Nothing is decided by it. What applications and build steps print is left out; a failed build's last lines are
in its `build.failed`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from devbox.events import AppLog, AppRaised, BuildLog, Event, from_json, to_json

_NAME = "journal.jsonl"
_MOST = 1 << 20


class Journal:
    """Appends events to the journal in `folder`; never raises.

    Of a journal that cannot be written, `tell` hears once; each further event is tried again. It takes two
    files of 1 MiB each at most, the older one under the name ending `.1`. One process may write at a time.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._path, self._tell = folder, folder / _NAME, tell
        self._descriptor = -1
        self._size = 0
        self._told = self._torn = False

    def __call__(self, event: Event) -> None:
        """Writes the event's line before it returns."""
        if isinstance(event, AppLog | AppRaised | BuildLog):
            return
        try:
            self._write(to_json(event).encode() + b"\n")
        except OSError as error:
            self.close()
            if not self._told:
                self._told = True
                self._tell(
                    f"{self._path} cannot be written: {error.strerror or error}; explain may miss builds"
                )

    def close(self) -> None:
        """Closes the file; the next event would open it again."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: bytes) -> None:
        if self._descriptor < 0:
            self._open()
        if self._size and self._size + len(line) > _MOST:
            self.close()
            self._path.replace(_older(self._path))
            self._open()
        line = b"\n" * self._torn + line
        written = os.write(self._descriptor, line)
        self._size += written
        self._torn = written < len(line)

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        # A line that was cut off when its writer died or the disk was full ends here.
        self._torn = self._size > 0 and os.pread(self._descriptor, 1, self._size - 1) != b"\n"


def read_journal(folder: Path) -> Iterator[Event]:
    """Every event of the journal in `folder`, oldest first; lines that are torn or of another version are
    passed over, and so is a file that cannot be read."""
    for path in (_older(folder / _NAME), folder / _NAME):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        for line in content.splitlines():
            with contextlib.suppress(ValueError):
                yield from_json(line)


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
