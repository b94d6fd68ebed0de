"""A small terminal: enough of ECMA-48 to prove what the live screen leaves on it and in its scrollback."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\]8;[^\x1b]*\x1b\\|\r|\n|[^\x1b\r\n]")


class SmallTerminal:
    """One-cell characters only; lines wrap at the width, what leaves the top goes into `scrollback`."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.scrollback: list[str] = []
        self.screen: list[list[str]] = [[]]
        self.row = 0
        self.column = 0
        self.cursor_shown = True
        self.wraps = True

    def write(self, text: str) -> None:
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            assert token is not None, f"not understood: {text[position : position + 20]!r}"
            position = token.end()
            if token[2]:
                self._control(token[1], token[2])
            elif token[0] == "\r":
                self.column = 0
            elif token[0] == "\n":
                self._down()
            elif not token[0].startswith("\x1b"):
                self._put(token[0])

    def _control(self, parameters: str, final: str) -> None:
        line = self.screen[self.row]
        match parameters, final:
            case ("" | "0", "K"):
                del line[self.column :]
            case ("" | "0", "J"):
                assert (self.row, self.column) != (0, 0), (
                    "some terminals keep a screen erased from its first cell"
                )
                del line[self.column :]
                del self.screen[self.row + 1 :]
            case (_, "A"):
                self.row = max(self.row - int(parameters or 1), 0)
            case ("?25", "h" | "l"):
                self.cursor_shown = final == "h"
            case ("?7", "h" | "l"):
                self.wraps = final == "h"
            case ("?2026" | "?2004", "h" | "l") | (_, "m"):
                pass
            case _:
                raise AssertionError(f"an unexpected control sequence: {parameters}{final}")

    def _put(self, character: str) -> None:
        assert character.isprintable(), repr(character)
        if self.column == self.width:
            if not self.wraps:
                self.screen[self.row][-1] = character
                return
            self.column = 0
            self._down()
        line = self.screen[self.row]
        line.extend(" " * (self.column + 1 - len(line)))
        line[self.column] = character
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.screen):
            self.screen.append([])
        if len(self.screen) > self.height:
            self.scrollback.append("".join(self.screen.pop(0)).rstrip())
            self.row -= 1

    def narrow(self, width: int) -> None:
        """Re-wraps every row to fewer columns, as terminals do; the cursor stays behind its character."""
        rows = [
            list(row[start : start + width])
            for row in self.screen
            for start in range(0, max(len(row), 1), width)
        ]
        self.width = width
        self.scrollback += ["".join(row).rstrip() for row in rows[: -self.height]]
        self.screen = rows[-self.height :]
        self.row = len(self.screen) - 1
        self.column = len(self.screen[-1])

    @property
    def text(self) -> list[str]:
        """Scrollback and screen, without blanks at the ends of lines."""
        return [*self.scrollback, *("".join(line).rstrip() for line in self.screen)]
