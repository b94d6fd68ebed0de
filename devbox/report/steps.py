"""A build on the live screen: its steps, with moving clocks while it runs, and what it writes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from devbox.model import StepState
from devbox.report.figures import BAD, DIM, GOOD, MOVING, fit, progress_bar, right_aligned, row, spinner
from devbox.report.text import INSTRUCTION_LIMIT, brief_seconds, clean, running_seconds, shorten
from devbox.report.viewstate import BuildView, PullView, StepView

_MARKS = {
    StepState.WAITING: ("·", DIM),
    StepState.DONE: ("✓", GOOD),
    StepState.CACHED: ("✓", DIM),
    StepState.FAILED: ("✗", f"bold {BAD}"),
    StepState.CANCELLED: ("–", DIM),
}
_QUIET = (StepState.CACHED, StepState.WAITING, StepState.CANCELLED)
_MARGIN = " " * 5
_CLOCK = 9
_LEAST_REASON = 12


@dataclass(frozen=True, slots=True)
class _Row:
    """A step and why it runs, or ran."""

    step: StepView
    reason: str

    @property
    def key(self) -> tuple[str, int, str]:
        info = self.step.info
        return (info.stage, info.index, info.instruction)


def _rows(build: BuildView, steps: Sequence[StepView]) -> list[_Row]:
    # A reason that names another step by its instruction gives the place of that step instead.
    places = {step.info.instruction: f"step {_number(step)}" for step in build.steps}
    rows = []
    for step in steps:
        first, _, rest = build.reason(step.info).partition(" ")
        rows.append(_Row(step, clean(f"{first} {places.get(rest, rest)}".rstrip())))
    return rows


def step_lines(build: BuildView, width: int, height: int, now: float) -> list[Text]:
    """At most `height` lines: every step if they fit, else what runs and what was last, the rest counted."""
    steps, hidden = _window(build.steps, height)
    return [*hidden, *_drawn(_rows(build, steps), width, now)]


def resting_lines(
    last: BuildView, running: BuildView | None, width: int, height: int, now: float
) -> list[Text]:
    """The steps of the last build in at most `height` lines: all, else those that ran, none where there are
    too many. What `running` tells of one of them stands in its place, so that a short build moves nothing."""
    steps = list(last.steps)
    if len(steps) > height:
        steps = [step for step in steps if step.info.state is not StepState.CACHED]
    if len(steps) > height:
        return []
    newer = {row.key: row for row in _rows(running, running.steps)} if running else {}
    return _drawn([newer.get(row.key, row) for row in _rows(last, steps)], width, now)


def output_line(build: BuildView, width: int, now: float) -> Text | None:
    """What is to be seen of the work itself: how far a pull is, or the newest line of a running step."""
    if build.pull:
        return _pull_line(build.pull, width, now)
    instruction, line = build.output
    words = clean(line).strip()
    runs = any(
        step.info.instruction == instruction and step.info.state is StepState.RUNNING for step in build.steps
    )
    return fit(Text(_MARGIN + words, style=DIM), width) if words and runs else None


def _window(steps: tuple[StepView, ...], height: int) -> tuple[list[StepView], list[Text]]:
    """The steps to be shown, in order, and a line for those that are not."""
    if len(steps) <= height:
        return list(steps), []
    if height <= 0:
        return [], []
    room = max(height - 1, 1)
    urgency = {StepState.FAILED: 0, StepState.RUNNING: 0, StepState.DONE: 1, StepState.CANCELLED: 1}
    ranked = sorted(range(len(steps)), key=lambda number: (urgency.get(steps[number].info.state, 2), -number))
    shown = sorted(ranked[:room])
    left_out = [step.info.state for number, step in enumerate(steps) if number not in shown]
    counts = [
        f"{count} {word}"
        for word, states in (
            ("cached", {StepState.CACHED}),
            ("done", {StepState.DONE, StepState.CANCELLED}),
            ("running", {StepState.RUNNING, StepState.FAILED}),
            ("to go", {StepState.WAITING}),
        )
        if (count := sum(state in states for state in left_out))
    ]
    summary = Text(_MARGIN + " · ".join(counts), style=DIM)
    return [steps[number] for number in shown], [summary] if height > 1 else []


def _number(step: StepView) -> str:
    stage = f"{shorten(step.info.stage, 12)} " if step.info.stage else ""
    return f"{stage}{step.info.index}/{step.info.total}"


def _drawn(rows: list[_Row], width: int, now: float) -> list[Text]:
    number = max((cell_len(_number(row.step)) for row in rows), default=0)
    return [_step_line(row, number, width, now) for row in rows]


def _step_line(told: _Row, number: int, width: int, now: float) -> Text:
    """One step, its place `number` cells wide; where room is short the instruction keeps the larger part."""
    step = told.step
    state = step.info.state
    running = state is StepState.RUNNING
    quiet = DIM if state in _QUIET else ""
    mark = spinner(now) if running else Text(*_MARKS[state])
    room = max(width - len(_MARGIN) - 2 - number - 2 - _CLOCK, 0)
    instruction = shorten(step.info.instruction, min(room, INSTRUCTION_LIMIT))
    reason = _fitting(told.reason, max(room - cell_len(instruction), room // 3) - 3)
    if reason:
        instruction = shorten(instruction, room - cell_len(reason) - 3)
    style = "bold" if running else BAD if state is StepState.FAILED else quiet
    place = right_aligned(_number(step), number)
    left = Text.assemble(_MARGIN, mark, " ", (place, DIM), "  ", (instruction, style))
    clock = right_aligned(_clock(step, now), _CLOCK)
    return row(width, left, Text.assemble((reason, quiet or MOVING), (clock, quiet)))


def _fitting(reason: str, width: int) -> str:
    """As much of a reason as `width` cells hold; nothing where the rest would say nothing."""
    if cell_len(reason) > width:
        reason = reason.removesuffix(" changed")
    if cell_len(reason) > width:
        return fit(Text(reason), width).plain if width >= _LEAST_REASON else ""
    return reason


def _clock(step: StepView, now: float) -> str:
    match step.info.state:
        case StepState.CACHED:
            return "cached"
        case StepState.WAITING:
            return ""
        case StepState.CANCELLED:
            return "stopped"
        case StepState.RUNNING:
            return running_seconds(step.seconds(now))
        case _:
            return brief_seconds(step.seconds(now))


def _pull_line(pull: PullView, width: int, now: float) -> Text:
    left = Text.assemble(_MARGIN, shorten(pull.step), "  ")
    amount = clean(pull.line)
    if pull.part is None:
        left.append(amount, style=DIM)
    else:
        room = max(min(30, width - left.cell_len - len(amount) - _CLOCK - 4), 0)
        left.append_text(progress_bar(pull.part, room))
        left.append(f"  {amount}", style=DIM)
    return row(width, left, Text(running_seconds(now - pull.at), style=DIM))
