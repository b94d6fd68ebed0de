"""Real shells in a terminal, with somebody who types."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

BOUND = 20.0
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-Z]|[=>]|\][^\x07\x1b]*(\x07|\x1b\\))")


class Terminal:
    """A shell of its own; what it has shown since the last `type` is in `shown`."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._pid, self._descriptor = pty.fork()
        if not self._pid:
            os.chdir(folder)
            os.execve(command[0], command, environment)
        # Wide enough for no line to be wrapped.
        termios.tcsetwinsize(self._descriptor, (40, 400))
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._descriptor)

    def type(self, keys: str) -> None:
        """Presses these keys."""
        self.shown = ""
        os.write(self._descriptor, keys.encode())

    def until(self, text: str) -> None:
        """Returns when `text` has been shown; fails the test after BOUND seconds."""
        deadline = time.monotonic() + BOUND
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown: {self.shown!r}"
            for chunk in self._read():
                self.shown = _ESCAPES.sub("", self.shown + chunk)

    def _read(self) -> Iterator[str]:
        if select.select([self._descriptor], [], [], 0.1)[0]:
            data = os.read(self._descriptor, 65536)
            if b"\x1b[c" in data or b"\x1b[0c" in data:
                # fish asks what kind of terminal this is.
                os.write(self._descriptor, b"\x1b[?1;2c")
            yield data.decode(errors="replace")
