"""The terminal's own settings while the live screen is up, put back whatever way the program ends.

Typed keys are not echoed, because a typed line end would move the screen's block; Ctrl-S does not stop the
output, because a stopped write would stop the daemon. The cursor is hidden.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import termios
import threading
from collections.abc import Callable
from types import FrameType

from devbox.report.screen import HIDE_CURSOR, SHOW_CURSOR
from devbox.report.sink import Sink

_LOCAL_MODES = 3
_INPUT_MODES = 0


class Terminal:
    """Quiet from `enter` to `leave`; Ctrl-Z puts it back too, and `redraw` is called afterwards."""

    def __init__(self, sink: Sink, redraw: Callable[[], None]) -> None:
        self._sink = sink
        self._redraw = redraw
        self._before: list[int | list[bytes | int]] | None = None
        self._suspends = False

    def size(self) -> tuple[int, int]:
        """Columns and rows, 80 by 24 where there is no terminal to ask."""
        try:
            columns, rows = os.get_terminal_size(self._sink.stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return columns or 80, rows or 24

    def enter(self) -> None:
        """Hides the cursor and makes the keyboard quiet."""
        atexit.register(self._put_back)
        self._quieten()
        if threading.current_thread() is threading.main_thread() and self._before is not None:
            self._suspends = signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
            if self._suspends:
                signal.signal(signal.SIGTSTP, self._suspend)

    def leave(self) -> None:
        """Puts everything back; may be called twice."""
        if self._suspends:
            self._suspends = False
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._put_back()
        atexit.unregister(self._put_back)

    def _quieten(self) -> None:
        self._sink.write(HIDE_CURSOR)
        with contextlib.suppress(OSError, ValueError, termios.error):
            descriptor = self._sink.stream.fileno()
            if not _in_foreground(descriptor):
                return
            self._before = termios.tcgetattr(descriptor)
            quiet = termios.tcgetattr(descriptor)
            quiet[_LOCAL_MODES] = int(quiet[_LOCAL_MODES]) & ~(termios.ECHO | termios.ECHONL)
            quiet[_INPUT_MODES] = int(quiet[_INPUT_MODES]) & ~termios.IXON
            termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)

    def _put_back(self) -> None:
        self._sink.write(SHOW_CURSOR)
        before, self._before = self._before, None
        with contextlib.suppress(OSError, ValueError, termios.error):
            descriptor = self._sink.stream.fileno()
            if before is not None and _in_foreground(descriptor):
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
                # what was typed blindly is not meant for the shell
                termios.tcflush(descriptor, termios.TCIFLUSH)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._sink.write("\r\n")
        self._put_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # here the process stood still until SIGCONT
        signal.signal(signal.SIGTSTP, self._suspend)
        self._quieten()
        self._redraw()


def _in_foreground(descriptor: int) -> bool:
    """Settings changed from the background would stop the process."""
    return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
