"""Numbers and lists as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(count: int) -> str:
    """Bytes as in "512 bytes", "1.3 kB", "24 MB"."""
    if count < 1000:
        return number(count, "byte")
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if value < 9.95 else f"{value:.0f} {_UNITS[unit]}"


def number(count: int, noun: str) -> str:
    """A count with its noun: "1 file", "1,204 files"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def span(seconds: float) -> str:
    """A time that matters by its order: "4 seconds", "3 minutes", "2 hours", "5 days"."""
    for unit, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit:
            return number(round(seconds / unit), noun)
    return number(round(seconds), "second")


def some(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more: "a, b, c and 4 more"."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def instruction(text: str) -> str:
    """An instruction as it is named, short enough for a line."""
    return text if len(text) <= 60 else f"{text[:59].rstrip()}…"
