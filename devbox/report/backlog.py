"""Log lines on their way to the scrollback: as many as a person can follow, the last ones always. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rich.text import Text

from devbox.events import AppLog
from devbox.report.record import left_out_line

Entry = AppLog | Text

_BURST = 5000
_A_SECOND = 1000
_AT_LEAST = 100
_HELD = 500


@dataclass(slots=True)
class Backlog:
    """What waits to be shown, in order: lines of the application, and records of devbox's own, which are all
    shown.

    Of a flood `_BURST` lines are shown at once and `_A_SECOND` a second, the newest ones, with the number of
    those left out before them; else writing them would keep everything waiting.
    """

    entries: list[Entry] = field(default_factory=list)
    _left_out: int = 0
    _allowed: float = _BURST
    _at: float | None = None
    _held: deque[AppLog] = field(default_factory=lambda: deque(maxlen=_HELD))
    _held_in_all: int = 0

    def add(self, entry: Entry) -> None:
        """Puts it behind the others."""
        self.entries.append(entry)
        if len(self.entries) >= 2 * _BURST:
            self._keep(_BURST)

    def hold(self, line: AppLog) -> None:
        """Keeps the line for when lines are wanted again."""
        self._held.append(line)
        self._held_in_all += 1

    def let_go(self) -> None:
        """Shows the last of the lines that were held."""
        self._left_out += self._held_in_all - len(self._held)
        self.entries += self._held
        self._held.clear()
        self._held_in_all = 0

    def take(self, now: float) -> list[Entry]:
        """What is to be shown at `now`, in monotonic seconds."""
        passed = 0.0 if self._at is None else max(now - self._at, 0.0)
        self._at = now
        self._allowed = min(self._allowed + passed * _A_SECOND, _BURST)
        if len(self.entries) > self._allowed:
            self._keep(max(int(self._allowed), _AT_LEAST))
        self._allowed = max(self._allowed - len(self.entries), 0.0)
        taken, self.entries = self.entries, []
        left_out, self._left_out = self._left_out, 0
        return [left_out_line(left_out), *taken] if left_out else taken

    def _keep(self, count: int) -> None:
        older, newest = self.entries[:-count], self.entries[-count:]
        records = [entry for entry in older if isinstance(entry, Text)]
        self._left_out += len(older) - len(records)
        self.entries = [*records, *newest]
