"""A second window on a devbox: `devbox up` once more, live on a terminal of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from contextlib import suppress
from pathlib import Path

from bench.contestants.devbox import DEVBOX

_ROWS_AND_COLUMNS = (40, 120)
_LEAVES_WITHIN = 10.0
_READ_AT_ONCE = 65536


class Window:
    """A live screen that somebody looks at; what it draws is read and thrown away."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self._process, self._terminal = process, terminal
        asyncio.get_running_loop().add_reader(terminal, self._read)

    @classmethod
    async def open(cls, folder: Path) -> Window:
        """Opens one on the devbox that runs the project in `folder`."""
        ours, theirs = os.openpty()
        try:
            termios.tcsetwinsize(theirs, _ROWS_AND_COLUMNS)
            process = await asyncio.create_subprocess_exec(
                *(DEVBOX, "up"),
                cwd=folder,
                env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return cls(process, ours)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def close(self) -> None:
        """Closes it as a terminal's window is closed."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)
        try:
            async with asyncio.timeout(_LEAVES_WITHIN):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        asyncio.get_running_loop().remove_reader(self._terminal)
        os.close(self._terminal)

    def _read(self) -> None:
        try:
            os.read(self._terminal, _READ_AT_ONCE)
        except OSError:
            # Nobody has its other end any more.
            asyncio.get_running_loop().remove_reader(self._terminal)
