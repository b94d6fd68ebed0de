"""What happened to a project, kept for people: every event of it, as lines in files of the user's own.

Nothing is decided by it. `journal_files` says what is kept where, `journal_reader` gives it back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from devbox.events import AppLog, BuildLog, Event, ReleaseLog, to_json
from devbox.report.journal_files import ALL, JournalFile, file_of, session_line
from devbox.report.journal_reader import latest_session

_AGAIN_AFTER = 1.0
_LONGEST_OUTPUT = 16 * 1024
_OUTPUT = (AppLog, BuildLog, ReleaseLog)


class Journal:
    """Appends each event to its file in `folder`, before the call returns; never raises.

    Of a journal that cannot be written `tell` hears once; it is tried again every second, and what came
    meanwhile is lost. Output is cut to 16 KiB a line. One process may write at a time.
    """

    def __init__(
        self, folder: Path, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        # Above all that wrote here before, also where the clock was set back.
        session = max(time.time_ns(), latest_session(folder) + 1)
        self._files = {file: _Rotated(folder, file, session) for file in ALL}
        self._tell, self._clock = tell, clock
        self._again_at = dict.fromkeys(ALL, 0.0)
        self._told = False

    def __call__(self, event: Event) -> None:
        """Writes the event's line: one write, no waiting for the disk."""
        file = file_of(event.kind)
        again_at = self._again_at[file]
        if again_at and self._clock() < again_at:
            return
        try:
            self._files[file].append(to_json(_shortened(event)).encode() + b"\n")
            self._again_at[file] = 0.0
        except OSError as error:
            self._again_at[file] = self._clock() + _AGAIN_AFTER
            if not self._told:
                self._told = True
                path, why = self._files[file].path, error.strerror or error
                self._tell(f"{path} cannot be written: {why}; history and explain may miss builds")

    def close(self) -> None:
        """Closes the files; the next event would open its own again."""
        for file in self._files.values():
            file.close()


class _Rotated:
    """One of the files, opened at the first line."""

    def __init__(self, folder: Path, file: JournalFile, session: int) -> None:
        self.path = file.current(folder)
        self._folder, self._file, self._session_line = folder, file, session_line(session)
        self._descriptor = -1
        self._size = 0
        self._before = b""

    def append(self, line: bytes) -> None:
        """Writes the line whole, or raises OSError; a line that no file can hold is left out."""
        if len(line) + len(self._session_line) > self._file.most:
            return
        if self._descriptor >= 0 and not os.fstat(self._descriptor).st_nlink:
            # Somebody cleared the folder: nobody would ever read what went on into the file.
            self.close()
        if self._descriptor < 0:
            self._open()
        if self._size and self._size + len(self._before) + len(line) > self._file.most:
            self._rotate()
        line = self._before + line
        try:
            _write(self._descriptor, line)
        except OSError:
            self.close()
            raise
        self._size += len(line)
        self._before = b""

    def close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def _rotate(self) -> None:
        self.close()
        # Somebody may have cleared the folder.
        with contextlib.suppress(FileNotFoundError):
            self.path.replace(self._file.older(self._folder))
        self._open()

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        # A line that was cut off when its writer died or the disk was full ends here.
        torn = self._size > 0 and os.pread(self._descriptor, 1, self._size - 1) != b"\n"
        self._before = b"\n" * torn + self._session_line


def _write(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _shortened(event: Event) -> Event:
    if isinstance(event, _OUTPUT) and len(event.line) > _LONGEST_OUTPUT:
        return event.model_copy(update={"line": event.line[:_LONGEST_OUTPUT] + "…"})
    return event
