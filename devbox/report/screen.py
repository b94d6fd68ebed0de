"""What to send to a terminal so that a block of lines stays at the bottom while a log scrolls above it. Pure.

Lines are overwritten in place and never blanked first, inside a synchronised update (DEC private mode 2026,
which terminals that do not know it ignore), so that nothing flickers. The block's lines do not wrap (DECAWM
off): a terminal may draw a character wider than it was counted.
"""

from __future__ import annotations

from dataclasses import dataclass

_BEGIN = "\x1b[?2026h"
_END = "\x1b[?2026l"
_NO_WRAPPING = "\x1b[?7l"
_WRAPPING = "\x1b[?7h"
# No cursor, and marks around what is pasted, so that pasted text is not taken for keys.
ENTER = "\x1b[?25l\x1b[?2004h"
# Whatever was under way, also in the middle of an update.
LEAVE = f"{_END}{_WRAPPING}\x1b[?2004l\x1b[?25h"
_ERASE_REST_OF_LINE = "\x1b[K"
_ERASE_BELOW = "\x1b[J"


@dataclass(frozen=True, slots=True)
class Frame:
    """The block as it stands: each line with its escape sequences, each line's width in cells."""

    lines: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()

    def rows(self, width: int) -> int:
        """Rows that the block takes on a terminal of `width` columns that has re-wrapped it."""
        return sum(max(-(-cells // width), 1) for cells in self.widths)


def paint(before: Frame, after: Frame, log: str, width: int) -> str:
    """The text that turns `before` into `after`, with `log` (whole lines, each with its end) above it.

    The cursor stands behind the block's last line before and after; '' where there is nothing to do.
    """
    if before == after and not log:
        return ""
    rows = before.rows(width)
    start = f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"
    # A log line may take any number of rows, so that what is below cannot be overwritten line by line.
    erase = _blank(rows) if log or rows != len(before.lines) else ""
    block = "\r\n".join(_changed(() if erase else before.lines, after.lines))
    rest = _ERASE_BELOW if len(after.lines) < len(before.lines) else ""
    return f"{_BEGIN}{start}{erase}{log}{_NO_WRAPPING}{block}{rest}{_WRAPPING}{_END}"


def _changed(before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    """What is to be written on each line: nothing where it stands there; the last one puts the cursor in its
    place."""
    stays = [old == new for old, new in zip(before, after, strict=False)]
    stays[len(after) - 1 :] = []
    stays += [False] * (len(after) - len(stays))
    return ["" if same else f"{line}{_ERASE_REST_OF_LINE}" for same, line in zip(stays, after, strict=True)]


def _blank(rows: int) -> str:
    """Erases from the cursor's line on, and leaves the cursor there.

    Never from the screen's first cell: some terminals take that for clearing the screen, and keep what stood
    there in their scrollback.
    """
    if rows < 2:
        return _ERASE_REST_OF_LINE
    return f"{_ERASE_REST_OF_LINE}\r\n{_ERASE_BELOW}\x1b[A"
