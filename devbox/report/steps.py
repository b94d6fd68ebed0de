"""The running build on the live screen: its steps with moving clocks, and the pull of a base image."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from devbox.model import StepState
from devbox.report.figures import BAD, DIM, GOOD, MOVING, fit, progress_bar, right_aligned, row, spinner
from devbox.report.text import INSTRUCTION_LIMIT, clean, running_seconds, seconds, shorten
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


def step_lines(build: BuildView, width: int, height: int, now: float) -> list[Text]:
    """At most `height` lines: every step if they fit, else what runs and what was last, the rest counted."""
    if height <= 0:
        return []
    pull = [_pull_line(build.pull, width, now)] if build.pull else []
    steps, hidden = _window(build.steps, height - len(pull))
    columns = _columns(build, steps, width)
    lines = [_step_line(build, step, columns, width, now) for step in steps]
    output = _output_line(build, steps, width)
    if output is not None and len(pull) + len(hidden) + len(lines) < height:
        lines.insert(output[0] + 1, output[1])
    return [*pull, *hidden, *lines][:height]


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


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells for a step's place, its instruction and its reason; `room` for the last two together."""

    number: int
    room: int
    instruction: int
    reason: int


def _columns(build: BuildView, steps: list[StepView], width: int) -> _Columns:
    """Widths at which all the steps line up; where room is short the instruction keeps the larger part."""
    number = max((cell_len(_number(step)) for step in steps), default=0)
    room = max(width - len(_MARGIN) - number - 2 - _CLOCK, 0)
    told = [step for step in steps if _reason(build, step)]
    instruction = max((cell_len(shorten(step.info.instruction)) for step in told), default=room)
    reason = max((cell_len(_reason(build, step)) for step in told), default=0)
    if instruction + 2 + reason > room:
        instruction = min(instruction, max(room - reason - 2, room * 2 // 3))
    left = min(reason, room - instruction - 2)
    return _Columns(number, room, instruction, left if left >= 10 else 0)


def _reason(build: BuildView, step: StepView) -> str:
    return "" if step.info.state is StepState.CACHED else clean(build.reason(step.info))


def _step_line(build: BuildView, step: StepView, columns: _Columns, width: int, now: float) -> Text:
    state = step.info.state
    running = state is StepState.RUNNING
    quiet = DIM if state in _QUIET else ""
    mark = spinner(now) if running else Text(*_MARKS[state])
    why = _reason(build, step) if columns.reason else ""
    room = columns.instruction if why else columns.room
    instruction = shorten(step.info.instruction, min(room, INSTRUCTION_LIMIT))
    style = "bold" if running else BAD if state is StepState.FAILED else quiet
    if cell_len(why) > columns.reason:
        why = why.removesuffix(" changed")
    reason = fit(Text(why, style=quiet or MOVING), columns.reason)
    number = right_aligned(_number(step), columns.number)
    gap = " " * (columns.instruction - cell_len(instruction) + 2) if why else ""
    left = Text.assemble("  ", mark, "  ", (number, DIM), "  ", (instruction, style), gap, reason)
    return row(width, left, Text(_clock(step, now), style="" if running else DIM))


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
            return seconds(step.seconds(now))


def _output_line(build: BuildView, steps: list[StepView], width: int) -> tuple[int, Text] | None:
    """The newest line that a running step wrote, and the place of that step among `steps`."""
    instruction, line = build.output
    words = clean(line).strip()
    for place, step in enumerate(steps):
        if words and step.info.instruction == instruction and step.info.state is StepState.RUNNING:
            indent = len(_MARGIN) + max(cell_len(_number(step)) for step in steps) + 2
            return place, fit(Text(" " * indent + words, style=DIM), width)
    return None


def _pull_line(pull: PullView, width: int, now: float) -> Text:
    left = Text.assemble("  ", spinner(now), "  ", (shorten(pull.step), "bold"), "  ")
    amount = clean(pull.line)
    if pull.part is None:
        left.append(amount, style=DIM)
    else:
        room = max(min(30, width - left.cell_len - len(amount) - _CLOCK - 4), 0)
        left.append_text(progress_bar(pull.part, room))
        left.append(f"  {amount}", style=DIM)
    return row(width, left, Text(running_seconds(now - pull.at)))
