"""The keys of the live screen, and how what a terminal sends becomes keys. Pure."""

from __future__ import annotations

import codecs
import re
from enum import StrEnum

ESCAPE = "esc"
HELP = "?"
LOG = "l"


class Action(StrEnum):
    """What a key asks of whoever runs the project."""

    REBUILD = "rebuild"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    OPEN = "open"
    QUIT = "quit"


ACTIONS = {
    "r": Action.REBUILD,
    "b": Action.ROLLBACK,
    "p": Action.PAUSE,
    "o": Action.OPEN,
    "q": Action.QUIT,
}

# Control sequences, then SS3 and Alt with one character, as a terminal sends them for keys of more than one.
_SEQUENCE = re.compile(r"\x1b\[(?P<body>[0-?]*[ -/]*[@-~])|\x1bO[ -~]|\x1b[^\x1b\[O]")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?")
_PASTE_BEGINS, _PASTE_ENDS = "200~", "\x1b[201~"


class Decoder:
    """Turns bytes from a terminal into keys: single characters in lower case, and "esc".

    An arrow or a function key gives none, nor does text that is pasted (between the marks of DEC mode 2004).
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode
        self._rest = ""
        self._pasting = False

    @property
    def waiting(self) -> bool:
        """Whether the last bytes may be the beginning of a sequence; `settle` decides that they are not."""
        return bool(self._rest) and not self._pasting

    def feed(self, data: bytes) -> list[str]:
        """The keys that are whole with these bytes."""
        self._rest += self._decode(data)
        keys: list[str] = []
        while self._rest:
            if self._pasting:
                if not self._skip_paste():
                    break
            elif not self._rest.startswith("\x1b"):
                if self._rest[0].isprintable():
                    keys.append(self._rest[0].lower())
                self._rest = self._rest[1:]
            elif sequence := _SEQUENCE.match(self._rest):
                self._rest = self._rest[sequence.end() :]
                self._pasting = sequence["body"] == _PASTE_BEGINS
            elif _BEGUN.fullmatch(self._rest):
                break
            else:
                keys += self._give_up()
        return keys

    def settle(self) -> list[str]:
        """Takes an escape character that nothing followed for what it is: the Esc key."""
        return self._give_up() if self.waiting else []

    def _give_up(self) -> list[str]:
        """Takes what may have begun a sequence away; only a lone escape character was a key of its own."""
        begun = _BEGUN.match(self._rest)
        assert begun is not None
        self._rest = self._rest[begun.end() :]
        return [ESCAPE] if begun[0] == "\x1b" else []

    def _skip_paste(self) -> bool:
        """Drops pasted text; False where its end is yet to come."""
        _, ended, rest = self._rest.partition(_PASTE_ENDS)
        # Its end may come in two parts.
        self._rest = rest if ended else self._rest[-len(_PASTE_ENDS) + 1 :]
        self._pasting = not ended
        return bool(ended)
