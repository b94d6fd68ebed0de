"""The builds as a table for a terminal, and below it what they have in common. Pure: lines out.

    ─ sample ───────────────────────────────────────────── 4 of 57 builds ─

       #  when   how          ran  cached   total            cause
      54  14:03  warm           1       6    72ms  ━━━━━━━━  app/main.py
      55  14:05  rolling        3       4   41.9s  ━━━━━━━━  requirements.txt
                 ▲ RUN pip install -r requirements.txt 41.2s, usually 6.02s

Colours are the terminal's own named ones, so that light and dark themes both work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.text import Text

from devbox.model import Timings
from devbox.report.figures import (
    BAD,
    DIM,
    GOOD,
    MOVING,
    WARNING,
    fit,
    right_aligned,
    timing_bar,
    timing_legend,
)
from devbox.report.history import words
from devbox.report.history.records import BuildRecord, Past
from devbox.report.history.usual import SlowStep
from devbox.report.rounds import past_lines
from devbox.report.text import brief_seconds, clean, shorten

_MARGIN = "  "
_GAP = "  "
_WIDE = 72
_SECONDS = 7
_LONGEST_NOTE = 100
_STYLES = {
    "failed": f"bold {BAD}",
    "start failed": f"bold {BAD}",
    "superseded": DIM,
    "cut off": DIM,
    "running": MOVING,
}
_MARKS = {"failed": ("✗", BAD), "superseded": ("↷", DIM), "unusual": ("▲", WARNING)}
_PHASES = ("detect", "context", "build", "stage", "boot", "flip")


def table_lines(
    past: Past,
    shown: Sequence[BuildRecord],
    slow: Sequence[SlowStep],
    *,
    width: int,
    colour: bool,
    today: str,
) -> list[Text]:
    """The table of the builds `shown`, newest last, none of its lines wider than `width` cells.

    `today` is the local date as YYYY-MM-DD: other dates stand above their builds. Without `colour` shades
    stand in for the colours of the bars.
    """
    table = _Table(shown, width, colour)
    count = f"{len(shown)} of {len(past.builds)} builds" if len(shown) < len(past.builds) else _counted(shown)
    lines = [rule(past.project, count, width), Text(), table.head()]
    date = today
    for build in shown:
        if (its := words.day(build.at)) != date:
            date = its
            lines.append(Text(f"{_MARGIN}{'today' if date == today else date}", style=DIM))
        lines += table.rows(build)
    saves = [build for build in shown if build.outcome == "served" and build.saved]
    for part in (_common(saves, width, colour), _slowest(slow, width)):
        lines += [Text(), *part] if part else []
    return [_line(fit(line, width)) for line in lines]


def rule(left: str, right: str, width: int) -> Text:
    """A line across the terminal with a word at either end."""
    name = clean(left) or "devbox"
    gap = width - len(right) - len(name) - 6
    if gap < 1:
        return Text.assemble(("─ ", DIM), (name, "bold"), "  ", right)
    return Text.assemble(("─ ", DIM), (name, "bold"), (f" {'─' * gap} {right} ─", DIM))


def style_of(build: BuildRecord) -> str:
    """The style of the word for how a build went."""
    return _STYLES.get(build.outcome, GOOD)


class _Table:
    def __init__(self, shown: Sequence[BuildRecord], width: int, colour: bool) -> None:
        self._width, self._colour = width, colour
        self._wide = width >= _WIDE
        self._how = max((len(words.went(build)) for build in shown), default=0)
        self._how = max(self._how, len("how"))
        self._count, self._seconds = (6, _SECONDS) if self._wide else (5, _SECONDS - 1)
        self._number = max((len(str(build.number)) for build in shown), default=1)
        self._bar = 6 if width < _WIDE else min(10 + (width - _WIDE) // 6, 30)

    def head(self) -> Text:
        counts = ("ran", "cached") if self._wide else ("ran",)
        return Text(
            _GAP.join(
                [
                    f"{_MARGIN}{'#':>{self._number}}",
                    f"{'when':5}",
                    f"{'how':{self._how}}",
                    *(f"{name:>{self._count}}" for name in counts),
                    *([f"{'build':>{self._seconds}}"] if self._wide else []),
                    f"{'total':>{self._seconds}}",
                    " " * self._bar,
                    "cause",
                ]
            ),
            style=DIM,
        )

    def rows(self, build: BuildRecord) -> Iterator[Text]:
        dim = DIM if build.outcome in ("superseded", "cut off") else ""
        took = build.timings
        row = Text(f"{_MARGIN}{build.number:>{self._number}}", style=dim)
        row.append(f"{_GAP}{words.clock(build.at)[:5]}", style=DIM)
        row.append(_GAP).append(f"{words.went(build):{self._how}}", style=style_of(build))
        row.append(f"{_GAP}{self._counts(build)}", style=DIM)
        if self._wide:
            row.append(f"{_GAP}{_duration(took.build, self._seconds)}", style=DIM)
        row.append(f"{_GAP}{_duration(took.total, self._seconds)}", style=dim)
        bar = timing_bar(took, self._bar, self._colour, least=0)
        row.append(_GAP).append_text(bar).append(" " * (self._bar - bar.cell_len))
        row.append(f"{_GAP}{words.cause(build)}", style=dim)
        yield fit(row, self._width)
        indent = len(f"{_MARGIN}{'':{self._number}}{_GAP}{'':5}{_GAP}")
        for note in words.notes(build):
            mark, style = _MARKS[note.kind]
            yield Text(
                f"{' ' * indent}{mark} {note.within(min(self._width - indent - 2, _LONGEST_NOTE))}",
                style=style,
            )

    def _counts(self, build: BuildRecord) -> str:
        if build.release_only:
            return " " * (2 * self._count + len(_GAP) if self._wide else self._count)
        if self._wide:
            return f"{build.ran:>{self._count}}{_GAP}{build.cached:>{self._count}}"
        return f"{f'{build.ran}/{len(build.steps)}':>{self._count}}"


def _duration(value: float, width: int) -> str:
    return right_aligned(brief_seconds(value) if value else "", width)


def _common(saves: Sequence[BuildRecord], width: int, colour: bool) -> list[Text]:
    """How long each save took to be served, and which stage usually takes how much of it."""
    lines = past_lines([build.timings.total for build in saves], width)
    if not lines:
        return []
    usual = Timings(**{name: median(getattr(build.timings, name) for build in saves) for name in _PHASES})
    legend = timing_legend(usual, width - 5, colour)
    return [*lines, Text("     ").append_text(legend)] if legend.plain else lines


def _slowest(slow: Sequence[SlowStep], width: int) -> list[Text]:
    if not slow:
        return []
    head = f"{_MARGIN}{'median':>{_SECONDS}}{_GAP}{'longest':>{_SECONDS}}{_GAP}{'runs':>4}{_GAP}slowest steps"
    lines = [Text(head, style=DIM)]
    for step in slow:
        line = Text(f"{_MARGIN}{right_aligned(brief_seconds(step.median), _SECONDS)}{_GAP}")
        line.append(f"{right_aligned(brief_seconds(step.longest), _SECONDS)}{_GAP}{step.runs:>4}", style=DIM)
        stage = f"{clean(step.stage)}: " if step.stage else ""
        line.append(f"{_GAP}{stage}{shorten(step.instruction, max(width - line.cell_len - 4, 20))}")
        lines.append(line)
    return lines


def _counted(shown: Sequence[BuildRecord]) -> str:
    return "1 build" if len(shown) == 1 else f"{len(shown)} builds"


def _line(text: Text) -> Text:
    text.no_wrap = True
    text.overflow = "crop"
    return text
