"""One build on a common axis of time, for a terminal. Pure: lines out.

─ sample ──────────────────────────────────────────────── build 55 ─

  rolling   requirements.txt   14:05:10
  not warm  RUN pip install -r requirements.txt is run again

                                  0s        20s             41.9s
  detect                    8ms   ╸
  build                   41.3s   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
  ✓ 4/7 RUN pip install   41.2s    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
        requirements.txt line 3 added: httpx
  boot                    0.61s                                  ━
  ● served                41.9s                                  ╿
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from devbox.model import StepState
from devbox.report.figures import BAD, DIM, GOOD, WARNING, fit, link, phase_style, right_aligned
from devbox.report.history import words
from devbox.report.history.records import BuildRecord, FailureRecord, StepRecord
from devbox.report.history.stages import end_of, spans
from devbox.report.history.table import rule, style_of
from devbox.report.text import brief_seconds, clean, clean_lines, shorten

_MARGIN = "  "
_CLOCK = 8
_LOG_LINES = 40
_LONGEST = 200
# The style of lines that are folded rather than cut.
_UNCUT = "none"
_MARKS = {
    StepState.WAITING: ("·", DIM),
    StepState.RUNNING: ("·", ""),
    StepState.DONE: ("✓", GOOD),
    StepState.CACHED: ("✓", DIM),
    StepState.FAILED: ("✗", f"bold {BAD}"),
    StepState.CANCELLED: ("–", DIM),
}
_BEFORE = ("detect", "context", "build")


@dataclass(frozen=True, slots=True)
class _Row:
    """A stage or a step: its name, what stands for its duration, and where its bar lies."""

    name: Text
    took: str
    start: float | None
    seconds: float
    style: str
    notes: tuple[Text, ...] = ()


def timeline_lines(build: BuildRecord, project: str, log: Sequence[str], *, width: int) -> list[Text]:
    """The build from the save on: stages, steps with the reason why they ran, and how it ended.

    No line is wider than `width` cells, but for those that tell of a failure: they are to be folded. `log` is
    what the failing step wrote, or the application that did not start.
    """
    rows = list(_rows(build))
    end = max(end_of(build), 0.001)
    label = min(max((row.name.cell_len for row in rows), default=0), max(width * 2 // 5, 12))
    axis = max(width - len(_MARGIN) - label - _CLOCK - 4, 4)
    lines = [rule(project, f"build {build.number}", width), Text(), *_head(build), Text()]
    indent = " " * (len(_MARGIN) + label + 1 + _CLOCK + 2)
    lines.append(Text(f"{indent}{_scale(end, axis)}", style=DIM))
    for row in rows:
        line = Text(_MARGIN).append_text(_padded(row.name, label))
        line.append(f" {right_aligned(row.took, _CLOCK)}  ", style=DIM)
        if row.start is not None:
            line.append_text(_bar(row, end, axis))
        lines.append(line)
        lines += row.notes
    lines += [Text(), *_ending(build, log)]
    return [_line(line if line.style == _UNCUT else fit(line, width)) for line in lines]


def _head(build: BuildRecord) -> Iterator[Text]:
    when = f"{words.day(build.at)} {words.clock(build.at)}"
    yield Text.assemble(
        _MARGIN, (words.went(build), style_of(build)), f"   {words.cause(build)}   ", (when, DIM)
    )
    if len(build.changed) > 1:
        yield Text.assemble(_MARGIN, ("changed   ", DIM), ", ".join(map(clean, build.changed)))
    if build.reason:
        yield Text.assemble(_MARGIN, ("not warm  ", DIM), shorten(build.reason, _LONGEST))


def _rows(build: BuildRecord) -> Iterator[_Row]:
    stages = spans(build)
    for span in stages:
        if span.name in _BEFORE:
            yield _stage(span.name, span.start, span.seconds)
    for step in build.steps:
        yield _step(step, build)
    for span in stages:
        if span.name not in _BEFORE:
            yield _stage(span.name, span.start, span.seconds)


def _stage(name: str, start: float, seconds: float) -> _Row:
    style = phase_style(name)
    return _Row(Text(name, style=style), brief_seconds(seconds), start, seconds, style)


def _step(step: StepRecord, build: BuildRecord) -> _Row:
    mark, style = _MARKS[step.state]
    place = f"{step.index}/{step.total}"
    stage = f"{clean(step.stage)} " if step.stage else ""
    quiet = DIM if step.start is None and step.state is not StepState.DONE else ""
    name = Text.assemble((mark, style), " ", (f"{stage}{place} {shorten(step.instruction)}", quiet))
    notes = []
    if step.reason and step.state is not StepState.CACHED:
        notes.append(Text(f"{_MARGIN}  {' ' * len(place)} {clean(step.reason)}", style=DIM))
    if step.usual is not None:
        slow = f"▲ {words.unusual(step, step.usual)}"
        notes.append(Text(f"{_MARGIN}  {' ' * len(place)} {slow}", style=WARNING))
    took = brief_seconds(step.seconds)
    seconds = step.seconds
    if step.state is StepState.RUNNING and step.start is not None:
        took, seconds = "", end_of(build) - step.start
    elif step.state not in (StepState.DONE, StepState.FAILED):
        took = {StepState.WAITING: "not begun"}.get(step.state, step.state.value)
    hue = BAD if step.state is StepState.FAILED else phase_style("build")
    return _Row(name, took, step.start, seconds, hue, tuple(notes))


def _bar(row: _Row, end: float, axis: int) -> Text:
    """The stretch of the axis that a row took: its length is right to a cell, and never nothing."""
    start = min(int((row.start or 0.0) / end * axis), axis - 1)
    length = max(round(row.seconds / end * axis), 1)
    return Text.assemble(" " * start, ("━" * min(length, axis - start), row.style))


def _scale(end: float, axis: int) -> str:
    """The axis' own words: where it begins, its middle where there is room, and its end."""
    last, middle = brief_seconds(end), brief_seconds(end / 2)
    half = axis // 2
    if half + len(middle) + len(last) + 2 > axis:
        return f"0{last:>{axis - 1}}"
    return f"0{' ' * (half - 1)}{middle}{last:>{axis - half - len(middle)}}"


def _ending(build: BuildRecord, log: Sequence[str]) -> Iterator[Text]:
    took = brief_seconds(build.timings.total)
    url = clean(build.url)
    match build.outcome:
        case "served":
            yield Text.assemble(_MARGIN, ("●", GOOD), f" served in {took} at ", (url, link(url)))
        case "running":
            yield Text(f"{_MARGIN}… still running")
        case "cut off":
            yield Text(f"{_MARGIN}– cut off: devbox ended before it did", style=DIM)
        case "superseded":
            yield Text(f"{_MARGIN}↷ superseded after {took}: {clean(build.superseded_by)}", style=DIM)
        case "failed" | "start failed":
            what = "" if build.failure is None else words.failed(build.failure).within(_LONGEST)
            verb = f" {build.outcome} after {took}: "
            yield Text.assemble(_MARGIN, ("✗", f"bold {BAD}"), verb, (what, "bold"), style=_UNCUT)
    if build.failure is not None:
        yield from _failure(build.failure, log)
    if build.serving:
        yield Text(f"{_MARGIN}revision {build.serving} kept serving")


def _failure(failure: FailureRecord, log: Sequence[str]) -> Iterator[Text]:
    if len(log) > _LOG_LINES:
        yield Text(f"{_MARGIN}  ({len(log) - _LOG_LINES} lines before these)", style=DIM)
    for line in log[-_LOG_LINES:]:
        yield Text(f"{_MARGIN}  {clean(line)}", style=_UNCUT)
    for word, text in (("why", failure.cause), ("try", failure.hint)):
        for line in clean_lines(text):
            yield Text.assemble(_MARGIN, (f"{word}: ", DIM), line, style=_UNCUT)


def _padded(text: Text, width: int) -> Text:
    text = fit(text, width)
    return text.copy().append(" " * (width - cell_len(text.plain)))


def _line(text: Text) -> Text:
    text.no_wrap = text.style != _UNCUT
    text.overflow = "fold" if text.style == _UNCUT else "crop"
    return text
