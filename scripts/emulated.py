"""A program on a terminal of its own, of which everything that stands on it can be read."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from itertools import groupby

import pyte
from rich.style import Style
from rich.text import Text

_SELECTS_COLOUR = re.compile(r"\x1b\[([0-9;]*)m")
_BEGUN = re.compile(r"\x1b(?:\[[0-9;]*)?$")
_NAMED = {"brown": "yellow", "brightbrown": "bright_yellow"}


class Emulated:
    """Runs `command` on a terminal of `columns` by `rows` with 256 colours, until `stop`."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], columns: int, rows: int) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._begun = ""
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], list(command), {**environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"})

    def wait_for(self, pattern: str, patience: float) -> None:
        """Reads until the pattern is found on the screen; raises SystemExit when it does not come within
        `patience` seconds, or the program ends."""
        deadline = time.monotonic() + patience
        while not re.search(pattern, self.text):
            if time.monotonic() > deadline or not self._read(0.05):
                raise SystemExit(f"screenshots: waited for {pattern!r}, and there stands\n{self.text}")

    def rest(self, seconds: float) -> None:
        """Reads for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._read(0.05):
            pass

    def type(self, keys: str) -> None:
        """Types the keys."""
        os.write(self._terminal, keys.encode())

    def stop(self) -> None:
        """Ends the program as Ctrl-C does, or after a minute by force."""
        os.kill(self._process, signal.SIGINT)
        self.rest(60)
        os.close(self._terminal)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def lines(self) -> list[Text]:
        """The same in its colours, a text a row."""
        rows = []
        for number in range(self._screen.lines):
            row = Text()
            cells = [self._screen.buffer[number][column] for column in range(self._screen.columns)]
            for style, alike in groupby(cells, _style):
                row.append("".join(cell.data for cell in alike), style)
            row.rstrip()
            rows.append(row)
        return rows

    def _read(self, seconds: float) -> bool:
        """Reads what comes within `seconds`; false once the program has ended."""
        if not select.select((self._terminal,), (), (), seconds)[0]:
            return True
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:
            return False
        text = self._begun + self._decode(data)
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        self._stream.feed(_SELECTS_COLOUR.sub(_faint_as_blinking, text.removesuffix(self._begun)))
        return bool(data)


def _faint_as_blinking(sequence: re.Match[str]) -> str:
    """pyte knows no faint text; nothing here blinks."""
    given = sequence[1].split(";")
    parameters: list[str] = []
    while given:
        # The 2 of a colour in 24 bits means something else.
        colour = 5 if given[:2] in (["38", "2"], ["48", "2"]) else 3 if given[0] in ("38", "48") else 0
        parameters += given[:colour] if colour else ["5" if given[0] == "2" else given[0]]
        given = given[colour or 1 :]
    return f"\x1b[{';'.join(parameters)}m"


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold or None,
        italic=cell.italics or None,
        underline=cell.underscore or None,
        reverse=cell.reverse or None,
        dim=cell.blink or None,
    )


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    name = _NAMED.get(name, name)
    return name if name.startswith("bright_") else name.replace("bright", "bright_")
