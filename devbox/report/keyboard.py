"""Reads the keys that are typed at a terminal, while `Terminal` keeps it in the mode for that."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TextIO

from devbox.report.keys import Decoder
from devbox.report.terminal import in_foreground, terminal_descriptor

# A terminal sends a key's sequence in one go; over a slow line it may come in two parts.
_SEQUENCE_WITHIN = 0.05


class Keyboard:
    """Hands each key to `on_key`, on the event loop that runs where it is started.

    Nothing is read where there is no event loop or `stream` is no terminal, and none while another program
    has the terminal in the foreground: `follow`, called now and then, goes on once it is ours.
    """

    def __init__(self, stream: TextIO, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._decoder = Decoder()
        self._descriptor = terminal_descriptor(stream)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading = False
        self._settling: asyncio.TimerHandle | None = None

    def reads(self, screen: TextIO) -> bool:
        """Whether it is the keyboard of the terminal that `screen` writes to."""
        other = terminal_descriptor(screen)
        if self._descriptor is None or other is None:
            return False
        return os.fstat(self._descriptor).st_rdev == os.fstat(other).st_rdev

    def start(self) -> None:
        """Reads from now on."""
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self.follow()

    def follow(self) -> None:
        """Reads again where reading had to stop and need not any more."""
        descriptor = self._descriptor
        if self._loop is None or descriptor is None or self._reading or not in_foreground(descriptor):
            return
        # Not every kind of file can be waited for on every system.
        with contextlib.suppress(OSError):
            self._loop.add_reader(descriptor, self._readable)
            self._reading = True

    def stop(self) -> None:
        """Reads nothing any more."""
        self._pause()
        self._loop = None

    def _pause(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        if self._loop is not None and self._descriptor is not None and self._reading:
            self._reading = False
            self._loop.remove_reader(self._descriptor)

    def _readable(self) -> None:
        assert self._descriptor is not None
        assert self._loop is not None
        data = b""
        if in_foreground(self._descriptor):
            with contextlib.suppress(OSError):
                data = os.read(self._descriptor, 1024)
        if not data:
            # Hung up, or in the background by now: it would be called again at once, and for ever.
            self._pause()
            return
        if self._settling is not None:
            self._settling.cancel()
        keys = self._decoder.feed(data)
        if self._decoder.waiting:
            self._settling = self._loop.call_later(_SEQUENCE_WITHIN, self._settle)
        for key in keys:
            self._on_key(key)

    def _settle(self) -> None:
        for key in self._decoder.settle():
            self._on_key(key)
