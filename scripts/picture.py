"""Makes the README's pictures, docs/live.svg and docs/failure.svg, out of a real run.

A copy of sample/ is started with `devbox up --output jsonl`, edited, broken and mended, and asked for
something after each save. The recorded events go through the live screen's own reducer and view: the moments
worth seeing become the frames of one animated SVG, the broken save a still of its own; neither refers to
anything outside itself. `--events FILE` draws a recorded session instead of running one, `--keep FILE` keeps
the events of the run.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console, Group
from rich.terminal_theme import TerminalTheme
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

COLUMNS = 92
ROWS = 29
BUILD_FRAMES = 10
LONG_BUILD = 1.0
LAST_FRAME = 4.0

LABEL = "devbox in a terminal: a first build, saves that are served, a mistake that keeps the old revision"
FAILURE_LABEL = (
    "devbox in a terminal: a save that fails to start, its traceback, and the revision that keeps serving"
)
# The eight named colours, black to white.
NAMED = ("282a36", "f05c5c", "62c87c", "e6be60", "6898f0", "c486e4", "5cc0d6", "d6d8de")
THEME = TerminalTheme(
    (17, 18, 23), (214, 216, 222), [(each[0], each[1], each[2]) for each in map(bytes.fromhex, NAMED)]
)
# Hosts other than the machine itself and the SVG's namespace; directories of whoever ran this.
PRIVATE = re.compile(
    r"https?://(?!127\.0\.0\.1|0\.0\.0\.0|localhost|www\.w3\.org/)[^\s<\"]*|/(?:home|root|tmp|Users)/[^\s<]*"
)
SEPARATOR = "\x1e"
PARTS = SEPARATOR.join(("{styles}", "{backgrounds}", "{matrix}", "{terminal_width}", "{terminal_height}"))
MOTION = """\
.frame {{ visibility: hidden; animation: {seconds:.2f}s step-end infinite }}
.frame.still {{ visibility: visible }}
@media (prefers-reduced-motion: reduce) {{ .frame {{ animation: none !important }} }}"""
PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}"
  xml:space="preserve">
<style>
text {{ white-space: pre;
  font: 20.26px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
{rules}
</style>
<rect width="{width}" height="{height}" rx="10" fill="{background}"/>
<g transform="translate(16 12)">
{frames}
</g>
</svg>
"""


@dataclass(frozen=True)
class Frame:
    """What stands in the terminal for `seconds`; `broken` while a failure stands and nothing mends it yet."""

    lines: tuple[Text, ...]
    seconds: float
    broken: bool


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
            shown.append(Frame(lines, seconds, broken=state.trouble is not None and state.build is None))
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
    return _svg(shown, LABEL, rules)


def failure_picture(shown: Sequence[Frame]) -> str:
    """A still of the broken save, as late as possible: the old revision has answered meanwhile."""
    broken = [frame for frame in shown if frame.broken]
    if not broken:
        raise SystemExit("picture: nothing failed in this session")
    return _svg(broken[-1:], FAILURE_LABEL, [])


def _svg(shown: Sequence[Frame], label: str, rules: Sequence[str]) -> str:
    """The frames on top of one another; refers to nothing outside itself."""
    styles: list[str] = []
    groups: list[str] = []
    width = height = 0.0
    for number, frame in enumerate(shown):
        style, backgrounds, matrix, wide, high = _drawn(frame.lines, f"f{number}").split(SEPARATOR)
        width, height = max(width, float(wide)), max(height, float(high))
        styles.append(style.strip())
        kind = "frame still" if number == len(shown) - 1 else "frame"
        groups.append(f'<g id="f{number}" class="{kind}">{backgrounds}{_slim(matrix)}</g>')
    picture = PICTURE.format(
        width=round(width + 32),
        height=round(height + 24),
        label=label,
        rules="\n".join([*styles, *rules]),
        background=THEME.background_color.hex,
        frames="\n".join(groups),
    )
    if found := PRIVATE.search(picture):
        raise SystemExit(f"picture: {found[0]} is not for others to see")
    return picture


def _keyframes(number: int, begins: float, ends: float, total: float) -> str:
    shown, hidden = "visibility: visible", "visibility: hidden"
    start, end = 100 * begins / total, 100 * ends / total
    before = f"0% {{ {hidden} }} " if number else ""
    after = f"{end:.3f}% {{ {hidden} }}" if end < 99.999 else ""
    return f"@keyframes k{number} {{ {before}{start:.3f}% {{ {shown} }} {after} }}"


def _drawn(lines: Sequence[Text], name: str) -> str:
    console = Console(
        file=io.StringIO(),
        record=True,
        width=COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
    )
    console.print(Group(*lines), no_wrap=True, overflow="crop", crop=True)
    return console.export_svg(theme=THEME, code_format=PARTS, unique_id=name)


def _slim(matrix: str) -> str:
    """Without clipping, of which one line in a terminal needs none, and without the line ends; what is drawn
    with characters is stretched to touch in any font."""
    matrix = re.sub(r' clip-path="[^"]*"', "", matrix)
    matrix = re.sub(r"<text [^>]*>\n</text>", "", matrix)
    return re.sub(r"<text (?=[^>]*>[─━▁-█╭╰]+<)", '<text lengthAdjust="spacingAndGlyphs" ', matrix)


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description="Makes the README's pictures out of a real run.")
    parser.add_argument("--events", type=Path, help="draw this recorded session (JSON lines)")
    parser.add_argument("--keep", type=Path, help="keep the events of the run in this file")
    parser.add_argument("--out", type=Path, default=root / "docs", help="the directory for the pictures")
    options = parser.parse_args()
    if options.events:
        events = [from_json(line) for line in options.events.read_text().splitlines()]
    else:
        events = run_sample(root / "sample")
    if options.keep:
        options.keep.write_text("".join(f"{to_json(event)}\n" for event in events))
    shown = frames(events)
    options.out.mkdir(exist_ok=True)
    for name, picture in (("live.svg", live_picture(shown)), ("failure.svg", failure_picture(shown))):
        path = options.out / name
        path.write_text(picture)
        print(f"{path}: {len(picture) // 1024} kB")


if __name__ == "__main__":
    main()
