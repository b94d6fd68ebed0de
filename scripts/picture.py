"""Makes the README's moving picture, docs/live.svg, out of a real run.

A copy of sample/ is started with `devbox up --output jsonl`, edited, broken and mended, and asked for
something after each save. The recorded events go through the live screen's own reducer and view: the moments
worth seeing become the frames of one animated SVG. `--events FILE` draws a recorded session instead of
running one, `--keep FILE` keeps the events of the run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.text import Text

from devbox.events import (
    AppLog,
    BuildFailed,
    BuildFinished,
    BuildLog,
    BuildStarted,
    BuildStep,
    Event,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    from_json,
    to_json,
)
from devbox.report.record import record
from devbox.report.state import reduce
from devbox.report.view import screen_lines
from devbox.report.viewstate import ViewState
from scripts.recording import is_request, run_sample
from scripts.svg import picture

COLUMNS = 92
ROWS = 29
BUILD_FRAMES = 10
LONG_BUILD = 1.0
LAST_FRAME = 4.0

LABEL = "devbox in a terminal: a first build, saves that are served, a mistake that keeps the old revision"
MOTION = """\
.frame {{ visibility: hidden; animation: {seconds:.2f}s step-end infinite }}
.frame.still {{ visibility: visible }}
@media (prefers-reduced-motion: reduce) {{ .frame {{ animation: none !important }} }}"""


@dataclass(frozen=True)
class Frame:
    """What stands in the terminal for `seconds`."""

    lines: tuple[Text, ...]
    seconds: float


def frames(events: Sequence[Event]) -> list[Frame]:
    """The moments of a session that are worth seeing, in order."""
    state = ViewState()
    log = [Text.assemble(("$ ", "green"), "devbox up")]
    shown: list[Frame] = []
    moving = _moments_of_long_builds(events)
    for number, event in enumerate(events):
        state = reduce(state, event)
        line = record(event, state)
        if line is not None:
            log.append(line)
        seconds = 0.25 if number in moving else _worth(event)
        if seconds:
            lines = _terminal(log, screen_lines(state, COLUMNS, ROWS + 1, event.at, colour=True))
            shown.append(Frame(lines, seconds))
    return [*shown[:-1], *(replace(frame, seconds=LAST_FRAME) for frame in shown[-1:])]


def _moments_of_long_builds(events: Sequence[Event]) -> set[int]:
    """A few events of each build that takes its time, spread evenly over it."""
    long = {
        event.build for event in events if isinstance(event, BuildFinished) and event.seconds > LONG_BUILD
    }
    moments: set[int] = set()
    for build in long:
        steps = [
            (number, event.at)
            for number, event in enumerate(events)
            if isinstance(event, BuildStep | BuildLog) and event.build == build
        ]
        due, apart = steps[0][1], (steps[-1][1] - steps[0][1]) / BUILD_FRAMES
        for number, at in steps:
            if at >= due:
                moments.add(number)
                due = at + apart
    return moments


def _worth(event: Event) -> float:
    """Seconds for which the moment after an event is shown, 0 where it is not."""
    match event:
        case SessionStarted():
            return 0.6
        case BuildStarted():
            return 0.4
        case ReleaseServed():
            return 0.8
        case ReleaseFailed() | BuildFailed():
            return 3.0
        case AppLog() if is_request(event):
            return 1.2
        case _:
            return 0.0


def _terminal(log: Sequence[Text], block: Sequence[Text]) -> tuple[Text, ...]:
    above = log[max(len(log) - (ROWS - len(block)), 0) :]
    below = [Text()] * (ROWS - len(above) - len(block))
    return (*above, *block, *below)


def live_picture(shown: Sequence[Frame]) -> str:
    """One SVG that plays the frames over and over; the last one is what is seen where nothing moves."""
    total = sum(frame.seconds for frame in shown)
    rules = [MOTION.format(seconds=total)]
    begins = 0.0
    for number, frame in enumerate(shown):
        ends = begins + frame.seconds
        rules += [f"#f{number} {{ animation-name: k{number} }}", _keyframes(number, begins, ends, total)]
        begins = ends
    return picture([frame.lines for frame in shown], COLUMNS, LABEL, rules)


def _keyframes(number: int, begins: float, ends: float, total: float) -> str:
    shown, hidden = "visibility: visible", "visibility: hidden"
    start, end = 100 * begins / total, 100 * ends / total
    before = f"0% {{ {hidden} }} " if number else ""
    after = f"{end:.3f}% {{ {hidden} }}" if end < 99.999 else ""
    return f"@keyframes k{number} {{ {before}{start:.3f}% {{ {shown} }} {after} }}"


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description="Makes the README's moving picture out of a real run.")
    parser.add_argument("--events", type=Path, help="draw this recorded session (JSON lines)")
    parser.add_argument("--keep", type=Path, help="keep the events of the run in this file")
    parser.add_argument("--out", type=Path, default=root / "docs", help="the directory for the picture")
    options = parser.parse_args()
    if options.events:
        events = [from_json(line) for line in options.events.read_text().splitlines()]
    else:
        events = run_sample(root / "sample")
    if options.keep:
        options.keep.write_text("".join(f"{to_json(event)}\n" for event in events))
    shown = frames(events)
    options.out.mkdir(exist_ok=True)
    path = options.out / "live.svg"
    path.write_text(live_picture(shown))
    print(f"{path}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
