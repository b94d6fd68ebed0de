"""The stream that a renderer writes to, and what happens when nobody reads it any more."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
from typing import TextIO


class Sink:
    """Writes and flushes text at once; a reader that went away is remembered in `closed` and never raised,
    nor is a disk that is full, which is remembered in `full` besides.

    What the stream's encoding cannot express becomes "?", so that a column stays a column.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.full = False
        self._closed = False
        self._encoding = getattr(stream, "encoding", None) or "utf-8"

    @property
    def closed(self) -> bool:
        """True once nobody reads, also where nothing was written since."""
        if not self._closed and self._has_no_reader():
            self._let_go()
        return self._closed

    def write(self, text: str) -> None:
        """Writes `text` as it is; does nothing once the reader is gone."""
        if self._closed or not text:
            return
        try:
            self.stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
            self.stream.flush()
        except BlockingIOError:
            # Somebody made the terminal non-blocking; what did not fit stays in the stream's own buffer.
            return
        except (OSError, ValueError) as error:
            self.full = isinstance(error, OSError) and error.errno == errno.ENOSPC
            self._let_go()

    def write_line(self, text: str) -> None:
        """Writes one line with its end."""
        self.write(text + "\n")

    def _has_no_reader(self) -> bool:
        try:
            descriptor = self.stream.fileno()
            mode = os.fstat(descriptor).st_mode
            if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
                # The end of a terminal is told by a signal.
                return False
            waiting = select.poll()
            waiting.register(descriptor, 0)
            return any(happened & select.POLLERR for _, happened in waiting.poll(0))
        except (OSError, ValueError):
            return False

    def _let_go(self) -> None:
        self._closed = True
        lead_nowhere(self.stream)


class Page(Sink):
    """What a verb that ends by itself writes to: a full disk is raised, as OSError."""

    def write(self, text: str) -> None:
        """Writes `text` as it is; does nothing once the reader is gone."""
        super().write(text)
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lead_nowhere(stream: TextIO) -> None:
    """Lets go of what a stream writes to: the interpreter flushes its streams when it ends, and would
    complain about this one once more."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
