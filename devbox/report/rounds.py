"""Rounds that are over, on the live screen: where the last one's time went, and how long each took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from rich.text import Text

from devbox.report.figures import DIM, curve, fit, timing_bar, timing_legend
from devbox.report.text import brief_seconds

if TYPE_CHECKING:
    from devbox.events import TimingsInfo

_MARGIN = " " * 5
_WIDEST_BAR = 60
_WIDEST_CURVE = 30


def spent_lines(timings: TimingsInfo, width: int, colour: bool, stale: bool) -> list[Text]:
    """A bar and its legend, none where no time was spent; dim where they are `stale`, a newer round being on
    its way."""
    bar = timing_bar(timings, min(width - 2 * len(_MARGIN), _WIDEST_BAR), colour)
    legend = timing_legend(timings, width - len(_MARGIN), colour)
    if not bar.plain:
        return []
    lines = [fit(Text(_MARGIN).append_text(each), width) for each in (bar, legend)]
    if stale:
        for line in lines:
            line.stylize(DIM)
    return lines


def past_lines(history: Sequence[float], width: int) -> list[Text]:
    """The curve of the rounds so far, the newest last, and their median; none before the second."""
    past = [value for value in history if math.isfinite(value)]
    if len(past) < 2:
        return []
    drawn = Text(_MARGIN).append_text(curve(past, min(_WIDEST_CURVE, width // 3)))
    middle = Text(f"   median {brief_seconds(median(past))} of {len(past)} saves", style=DIM)
    for count in (3, 2, 1):
        newest = "  ".join(brief_seconds(value) for value in past[-count:])
        told = Text.assemble(drawn, "   ", newest, middle)
        if told.cell_len <= width:
            return [told]
    return [fit(Text.assemble(drawn, middle), width)]
