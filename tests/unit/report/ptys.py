"""The live screen on a terminal of its own, with somebody who types."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
XTERM = {"TERM": "xterm-256color"}
BEGINS_AN_UPDATE = "\x1b[?2026h"

# A shell in small: the program runs in a process group of its own, in the foreground, and may be stopped.
# SIGUSR1 is its bg, SIGUSR2 its fg.
SHELL = """
import fcntl, os, signal, sys, termios, time
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child:
    os.setpgid(child, child)
    def move(number, frame):
        os.tcsetpgrp(1, os.getpgrp() if number == signal.SIGUSR1 else child)
        os.killpg(child, signal.SIGCONT)
    signal.signal(signal.SIGUSR1, move)
    signal.signal(signal.SIGUSR2, move)
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            os._exit(os.waitstatus_to_exitcode(status) & 255)
os.setpgid(0, 0)
os.tcsetpgrp(1, os.getpid())
signal.signal(signal.SIGTTOU, signal.SIG_DFL)
"""
# Started by no shell, as by a terminal of its own.
ALONE = """
import fcntl, os, signal, sys, termios, time
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
"""
# Moved on by hand, as without an event loop.
BY_HAND = """
from devbox.report import renderer
from tests.unit.report import sessions
with renderer(None, sys.stdout, os.environ) as show:
    for event in sessions.stamped(sessions.dependency_build()):
        show(event)
    for _ in range(600):
        show.tick()
        time.sleep(0.05)
        {then}
"""
# With keys, on an event loop: each action is shown as a message, and `quit` asks before it ends.
WITH_KEYS = """
import asyncio
from devbox.report import renderer
from devbox.report.terminal import restore_terminals
from devbox.report.ticking import ticking
from tests.unit.report import sessions
async def main():
    over = asyncio.Event()
    asked = []
    async def ask():
        answer = await show.ask("the application runs", {{"d": "detach", "s": "stop"}})
        show.message(f"answered {{answer!r}}")
        if answer == "s":
            over.set()
    def act(action):
        if action == "quit":
            asked.append(asyncio.create_task(ask()))
        else:
            show.message(f"did {{action}}")
    with renderer(None, sys.stdout, os.environ, act) as show:
        for event in sessions.stamped(sessions.{session}()):
            show(event)
        async with ticking(show, over.set):
            {then}
            await asyncio.wait_for(over.wait(), 30)
asyncio.run(main())
"""


@contextmanager
def on_a_terminal(
    program: str,
    then: str = "pass",
    session: str = "several_rounds",
    stdin: int | None = None,
    shell: str = SHELL,
) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A process with the live screen on a terminal of its own: the process, both ends of the terminal."""
    master, slave = os.openpty()
    resize(master, 80, 24)
    process = subprocess.Popen(
        [sys.executable, "-c", shell + textwrap.dedent(program).format(then=then, session=session)],
        cwd=ROOT,
        env={**os.environ, **XTERM, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    try:
        yield process, master, slave
    finally:
        process.kill()
        process.wait(10)
        os.close(slave)
        os.close(master)


def resize(master: int, columns: int, rows: int) -> None:
    """Gives the terminal another size."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition, 20 seconds at most."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def quiet(slave: int) -> bool:
    """Whether the terminal is as the live screen sets it."""
    settings = termios.tcgetattr(slave)
    return not (settings[3] & termios.ECHO or settings[0] & termios.IXON)


def drained(master: int) -> str:
    """What was written to the terminal since the last call."""
    os.set_blocking(master, False)
    parts = []
    while True:
        try:
            parts.append(os.read(master, 65536))
        except (BlockingIOError, OSError):
            return b"".join(parts).decode("utf-8", "replace")


class Screen:
    """Collects what is written to the terminal: in `everything`, and in `written` since `shows` returned."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.written = self.everything = ""

    def shows(self, words: str) -> None:
        """Waits until `words` were written since the last time that something was waited for."""

        def written() -> bool:
            self._read()
            return words in self.written

        until(written)
        self.written = self.written.partition(words)[2]

    def until_ended(self, process: subprocess.Popen[bytes]) -> int:
        """Reads until the process has ended; its exit code."""

        def ended() -> bool:
            self._read()
            return process.poll() is not None

        until(ended)
        self._read()
        assert process.returncode is not None
        return process.returncode

    def _read(self) -> None:
        new = drained(self._master)
        self.written += new
        self.everything += new
