"""The terminal's own settings while the live screen is up, put back whatever way the program ends.

Typed keys are not echoed, because a typed line end would move the screen's block; where they are read, they
come one by one, not by the line. Ctrl-S does not stop the output, because a stopped write would stop the
daemon. Ctrl-C stays a signal. The cursor is hidden. `kill -9` alone leaves all that behind: `reset` mends it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import termios
import threading
from collections.abc import Callable
from types import FrameType
from typing import TextIO

from devbox.report.screen import ENTER, LEAVE
from devbox.report.sink import Sink

_INPUT_MODES, _LOCAL_MODES, _CHARACTERS = 0, 3, 6
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_up: list[Terminal] = []


def restore_terminals() -> None:
    """Puts back every terminal that a live screen has; for a way out that passes by everything else.

    May be called in a signal handler.
    """
    for terminal in _up:
        terminal.abandon()


class Terminal:
    """Quiet from `enter` to `leave`; Ctrl-Z, where there is a shell to go on from, puts it back too, and
    `redraw(anew=True)` is called afterwards.

    `redraw(anew=False)` is called when the size changes. Both calls may come in the middle of anything. With
    `keys` typed keys can be read one by one.
    """

    def __init__(self, sink: Sink, redraw: Callable[[bool], None], keys: bool = False) -> None:
        self._sink = sink
        self._redraw = redraw
        self._keys = keys
        self._descriptor = terminal_descriptor(sink.stream)
        self._before: list[int | list[bytes | int]] | None = None
        self._handled: list[int] = []

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
        _up.append(self)
        if self._descriptor is not None and threading.current_thread() is threading.main_thread():
            for number in _ENDING:
                self._handle(number, self._end)
            self._handle(signal.SIGTSTP, self._suspend)
            self._handle(signal.SIGCONT, self._resume)
            self._handle(signal.SIGWINCH, self._resized)
            for number in (signal.SIGTTIN, signal.SIGTTOU):
                # Being moved to the background must not stop the daemon.
                self._handle(number, signal.SIG_IGN)
        self._sink.write(ENTER)
        self.follow()

    def leave(self) -> None:
        """Puts everything back; may be called twice."""
        while self._handled:
            signal.signal(self._handled.pop(), signal.SIG_DFL)
        self._put_back()
        atexit.unregister(self._put_back)
        if self in _up:
            _up.remove(self)

    def abandon(self) -> None:
        """Puts everything back and leaves the screen as it stands, with the cursor below it."""
        self._put_back()
        self._say("\x1b[0m\r\n")

    def follow(self) -> None:
        """Makes the keyboard quiet where that was not possible before: in the background it is not ours."""
        descriptor = self._descriptor
        if self._before is not None or descriptor is None or not in_foreground(descriptor):
            return
        with contextlib.suppress(OSError, termios.error):
            self._before = termios.tcgetattr(descriptor)
            self._quieten(descriptor)

    def _quieten(self, descriptor: int) -> None:
        quiet = termios.tcgetattr(descriptor)
        quiet[_LOCAL_MODES] &= ~(termios.ECHO | termios.ECHONL)
        quiet[_INPUT_MODES] &= ~termios.IXON
        if self._keys:
            quiet[_LOCAL_MODES] &= ~termios.ICANON
            # A read returns at once, whoever else may read there: it must not hold the event loop.
            quiet[_CHARACTERS][termios.VMIN] = quiet[_CHARACTERS][termios.VTIME] = 0
        termios.tcsetattr(descriptor, termios.TCSANOW, quiet)

    def _handle(
        self, number: int, handler: Callable[[int, FrameType | None], None] | signal.Handlers
    ) -> None:
        # What somebody else has set, or the shell has asked to be ignored, stays as it is.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, handler)
            self._handled.append(number)

    def _put_back(self) -> None:
        self._say(LEAVE)
        before, self._before = self._before, None
        descriptor = self._descriptor
        if before is None or descriptor is None:
            return
        with contextlib.suppress(OSError, termios.error):
            if in_foreground(descriptor):
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
                # what was typed blindly is not meant for the shell
                termios.tcflush(descriptor, termios.TCIFLUSH)

    def _say(self, text: str) -> None:
        """Writes past the stream: in a signal handler the stream may be in the middle of a write. Into a
        terminal that nobody reads nothing is written: it would keep the end waiting."""
        if self._descriptor is None:
            self._sink.write(text)
        elif not self._sink.closed:
            with contextlib.suppress(OSError, ValueError):
                if select.select((), (self._descriptor,), (), 0)[1]:
                    os.write(self._descriptor, text.encode("ascii"))

    def _end(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.abandon()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _resized(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._redraw(False)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        del frame
        if not _has_shell():
            # The system stops no process that nobody could continue.
            return
        self.abandon()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # here the process stood still until SIGCONT
        signal.signal(number, self._suspend)

    def _resume(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._say(ENTER)
        if self._before is None:
            self.follow()
        elif self._descriptor is not None and in_foreground(self._descriptor):
            # Stopped by a signal that nobody can handle: the shell has set the terminal to its own liking.
            with contextlib.suppress(OSError, termios.error):
                self._quieten(self._descriptor)
        self._redraw(True)


def _has_shell() -> bool:
    """Whether whoever started this process has the same terminal, and may stop it and go on with it."""
    try:
        return os.getsid(os.getppid()) == os.getsid(0)
    except OSError:
        return False


def terminal_descriptor(stream: TextIO) -> int | None:
    """The descriptor of a stream that is a terminal, None for any other."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return None
    return descriptor if os.isatty(descriptor) else None


def in_foreground(descriptor: int) -> bool:
    """Whether a terminal is this process group's: settings changed from the background would stop it."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
