"""The small drawings of the live screen: clocks, bars and the curve of past rounds, as rich texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from devbox.report.text import brief_seconds

if TYPE_CHECKING:
    # Its models take longer to make than devbox history to answer.
    from devbox.events import TimingsInfo
    from devbox.model import Timings

# Of the 256 colours those that stand out from black as much as from white (3:1 and more): the background is
# not known, and of the 16 named ones yellow and cyan are lost on a white one. rich takes the nearest of those
# where a terminal has no others.
DIM = "dim"
GOOD = "color(28)"
BAD = "color(196)"
WARNING = "color(136)"
MOVING = "color(32)"

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_CURVE = "▁▂▃▄▅▆▇█"
# One shade and one colour a phase: the shades carry the meaning where colour is not wanted.
_PHASES = (
    ("detect", "░", "color(102)"),
    ("context", "▒", "color(134)"),
    ("build", "█", "color(32)"),
    ("stage", "▚", "color(136)"),
    ("boot", "▓", "color(28)"),
    ("flip", "▞", "color(167)"),
)


def spinner(now: float) -> Text:
    """The spinner as it stands at `now`, ten positions a second."""
    position = int(now * 10) if math.isfinite(now) else 0
    return Text(_SPINNER[position % len(_SPINNER)], style=MOVING)


def fit(text: Text, width: int) -> Text:
    """The text on at most `width` cells, with an ellipsis where something was cut off."""
    if text.cell_len <= width:
        return text
    cut = text.copy()
    cut.truncate(max(width, 0), overflow="ellipsis")
    # rich keeps the ellipsis even where there is no room for it
    return cut if cut.cell_len <= width else Text(set_cell_size(cut.plain, max(width, 0)))


def row(width: int, left: Text, right: Text | None = None) -> Text:
    """One line: `left` from the left edge, `right` up to the right edge; the left one is cut first."""
    if right is None or not right.plain:
        return fit(left, width)
    right = fit(right, width)
    room = width - right.cell_len - 2
    if room < 8:
        return fit(left, width)
    left = fit(left, room)
    gap = width - left.cell_len - right.cell_len
    return Text.assemble(left, " " * gap, right)


def right_aligned(text: str, width: int) -> str:
    """The text with blanks before it, `width` cells wide."""
    return " " * max(width - cell_len(text), 0) + text


def timing_bar(timings: TimingsInfo | Timings, width: int, colour: bool, least: int = 1) -> Text:
    """How a round's time was spent, one stretch a phase in proportion, none shorter than `least` cells."""
    phases = _spent(timings)
    total = sum(value for _, value, _, _ in phases)
    bar = Text()
    if not phases or width < least * len(phases):
        return bar
    cells = [least + int((width - least * len(phases)) * value / total) for _, value, _, _ in phases]
    longest = max(range(len(phases)), key=lambda index: phases[index][1])
    cells[longest] += width - sum(cells)
    for count, (_, _, shade, hue) in zip(cells, phases, strict=True):
        bar.append(("━" if colour else shade) * count, style=hue)
    return bar


def timing_legend(timings: TimingsInfo | Timings, width: int, colour: bool) -> Text:
    """The phases by name and duration, in their colours or shades; the shortest give way first."""
    phases = _spent(timings)
    while phases:
        items = [
            Text.assemble((name if colour else f"{shade} {name}", hue), " ", (brief_seconds(value), DIM))
            for name, value, shade, hue in phases
        ]
        for gap in ("   ", "  "):
            legend = Text(gap).join(items)
            if legend.cell_len <= width:
                return legend
        phases.remove(min(phases, key=lambda phase: phase[1]))
    return Text()


def phase_style(name: str) -> str:
    """The colour of a phase."""
    return next((hue for phase, _, hue in _PHASES if phase == name), "")


def _spent(timings: TimingsInfo | Timings) -> list[tuple[str, float, str, str]]:
    return [
        (name, value, shade, hue)
        for name, shade, hue in _PHASES
        if math.isfinite(value := getattr(timings, name)) and value > 0.0005
    ]


def curve(values: Sequence[float], width: int) -> Text:
    """Past durations as a curve of at most `width` cells, the newest last, drawn from zero.

    The scale ends at twice the median: one long build leaves the differences between the others to be seen.
    """
    known = [max(value, 0.0) for value in values[-max(width, 1) :] if math.isfinite(value)]
    if not known or width < 1:
        return Text()
    full = max(min(max(known), 2 * median(known)), 0.001)
    top = len(_CURVE) - 1
    return Text("".join(_CURVE[min(round(value / full * top), top)] for value in known), style=MOVING)


def progress_bar(part: float, width: int) -> Text:
    """A bar filled up to `part` (0 to 1)."""
    filled = round(width * min(max(part, 0.0), 1.0))
    return Text.assemble(("━" * filled, MOVING), ("─" * (width - filled), DIM))


@lru_cache(maxsize=16)
def link(url: str) -> Style:
    """The style of an address to click on; the same one each time, so that terminals see one link."""
    return Style(bold=True, color=MOVING, link=url)
