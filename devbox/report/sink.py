"""The stream that a renderer writes to, and what happens when nobody reads it any more."""

from __future__ import annotations

import contextlib
import os
from typing import TextIO


class Sink:
    """Writes and flushes text at once; a reader that went away is remembered in `closed` and never raised.

    What the stream's encoding cannot express becomes "?", so that a column stays a column.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.closed = False
        self._encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> None:
        """Writes `text` as it is; does nothing once the reader is gone."""
        if self.closed or not text:
            return
        try:
            self.stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
            self.stream.flush()
        except BlockingIOError:
            # Somebody made the terminal non-blocking; what did not fit stays in the stream's own buffer.
            return
        except (OSError, ValueError):
            self._let_go()

    def write_line(self, text: str) -> None:
        """Writes one line with its end."""
        self.write(text + "\n")

    def _let_go(self) -> None:
        self.closed = True
        # The interpreter flushes its streams when it ends and would complain about this one once more.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, self.stream.fileno())
            finally:
                os.close(nowhere)
