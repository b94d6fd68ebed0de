"""Makes docs/live.svg, the README's picture, out of a real run.

A copy of sample/ is started with `devbox up --output jsonl`, edited, broken and mended; the recorded events
go through the live screen's own reducer and view, and the moments worth seeing become the frames of one
animated SVG without any outside reference. `--events FILE` draws a recorded session instead of running one,
`--keep FILE` keeps the events of the run.
"""

from __future__ import annotations

import argparse
import io
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from devbox.events import (
    BuildFailed,
    BuildLog,
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

COLUMNS = 92
ROWS = 27
EDITS = 6
FIRST_BUILD_FRAMES = 12
PATIENCE = 600.0

LABEL = (
    "devbox in a terminal: a first build, saves served in milliseconds, a failure that keeps the old revision"
)
# The eight named colours, black to white.
NAMED = ("282a36", "f05c5c", "62c87c", "e6be60", "6898f0", "c486e4", "5cc0d6", "d6d8de")
THEME = TerminalTheme(
    (17, 18, 23), (214, 216, 222), [(each[0], each[1], each[2]) for each in map(bytes.fromhex, NAMED)]
)
SEPARATOR = "\x1e"
PARTS = SEPARATOR.join(("{styles}", "{backgrounds}", "{matrix}", "{terminal_width}", "{terminal_height}"))
PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}"
  xml:space="preserve">
<style>
text {{ white-space: pre;
  font: 20px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
.frame {{ visibility: hidden; animation: {seconds:.2f}s step-end infinite }}
.frame.still {{ visibility: visible }}
{rules}
@media (prefers-reduced-motion: reduce) {{ .frame {{ animation: none !important }} }}
</style>
<rect width="{width}" height="{height}" rx="10" fill="{background}"/>
<g transform="translate(16 12)">
{frames}
</g>
</svg>
"""


@dataclass(frozen=True)
class Frame:
    """What stands in the terminal for `seconds`; the `still` one is shown where nothing moves."""

    lines: tuple[Text, ...]
    seconds: float
    still: bool = False


def frames(events: Sequence[Event]) -> list[Frame]:
    """The moments of a session that are worth seeing, in order."""
    state = ViewState()
    log = [Text.assemble(("$ ", "green"), "devbox up")]
    shown: list[Frame] = []
    moving = _first_build_moments(events)
    for number, event in enumerate(events):
        state = reduce(state, event)
        line = record(event, state)
        if line is not None:
            log.append(line)
        seconds = _worth(event, number in moving, first=state.served is None or not state.history)
        if seconds:
            lines = _terminal(log, screen_lines(state, COLUMNS, ROWS + 1, event.at, colour=True))
            shown.append(Frame(lines, seconds, still=isinstance(event, ReleaseServed)))
    return _with_one_still(shown)


def _first_build_moments(events: Sequence[Event]) -> set[int]:
    """A few events of the first build, spread evenly over its time."""
    moments: list[int] = []
    steps = [
        (number, event.at)
        for number, event in enumerate(events)
        if isinstance(event, BuildStep | BuildLog) and event.build == 1
    ]
    if not steps:
        return set()
    apart = (steps[-1][1] - steps[0][1]) / FIRST_BUILD_FRAMES
    due = steps[0][1]
    for number, at in steps:
        if at >= due:
            moments.append(number)
            due = at + apart
    return set(moments)


def _worth(event: Event, moving: bool, first: bool) -> float:
    """Seconds for which the moment after an event is shown, 0 where it is not."""
    if isinstance(event, SessionStarted):
        return 0.6
    if isinstance(event, BuildFailed | ReleaseFailed):
        return 5.0
    if isinstance(event, ReleaseServed):
        return 2.0 if first else 1.2
    return 0.3 if moving else 0.0


def _terminal(log: Sequence[Text], block: Sequence[Text]) -> tuple[Text, ...]:
    above = log[max(len(log) - (ROWS - len(block)), 0) :]
    below = [Text()] * (ROWS - len(above) - len(block))
    return (*above, *block, *below)


def _with_one_still(shown: Sequence[Frame]) -> list[Frame]:
    still = max((number for number, frame in enumerate(shown) if frame.still), default=0)
    return [Frame(frame.lines, frame.seconds, number == still) for number, frame in enumerate(shown)]


def svg(shown: Sequence[Frame]) -> str:
    """One SVG that plays the frames over and over; it refers to nothing outside itself."""
    total = sum(frame.seconds for frame in shown)
    rules: list[str] = []
    groups: list[str] = []
    width = height = 0.0
    begins = 0.0
    for number, frame in enumerate(shown):
        styles, backgrounds, matrix, wide, high = _drawn(frame.lines, f"f{number}").split(SEPARATOR)
        width, height = max(width, float(wide)), max(height, float(high))
        ends = begins + frame.seconds
        rules += [
            styles.strip(),
            f"#f{number} {{ animation-name: k{number} }}",
            _keyframes(number, begins, ends, total),
        ]
        kind = "frame still" if frame.still else "frame"
        groups.append(f'<g id="f{number}" class="{kind}">{backgrounds}{_slim(matrix)}</g>')
        begins = ends
    return PICTURE.format(
        width=round(width + 32),
        height=round(height + 24),
        label=LABEL,
        seconds=total,
        rules="\n".join(rules),
        background=THEME.background_color.hex,
        frames="\n".join(groups),
    )


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
    """Without clipping, of which one line in a terminal needs none, and without the line ends."""
    matrix = re.sub(r' clip-path="[^"]*"', "", matrix)
    return re.sub(r"<text [^>]*>\n</text>", "", matrix)


class Session:
    """A running `devbox up`; its events are collected by a thread that ends with it."""

    def __init__(self, project: Path) -> None:
        self.events: list[Event] = []
        self._arrived: queue.Queue[Event | None] = queue.Queue()
        command = [str(Path(sys.executable).with_name("devbox")), "up", str(project), "--output", "jsonl"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._arrived.put(from_json(line))
        self._arrived.put(None)

    def wait_for(self, wanted: Callable[[Event], bool]) -> None:
        """Collects events up to the one that is wanted; raises SystemExit when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                event = self._arrived.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                raise SystemExit("picture: devbox did not get there in time") from None
            if event is None:
                raise SystemExit(f"picture: devbox ended with exit code {self._process.wait(10)}")
            self.events.append(event)
            if wanted(event):
                return

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(10)


def run_sample(sample: Path) -> list[Event]:
    """The events of a session on a copy of the sample: first build, edits, a mistake, its repair."""
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory) / sample.name
        shutil.copytree(sample, project)
        source = next(project.rglob("main.py"))
        original = source.read_text()
        session = Session(project)
        try:
            session.wait_for(_served)
            for number in range(1, EDITS + 1):
                time.sleep(1.5)  # as a person would: the next standby is made in the meantime
                source.write_text(f"{original}\n# edit {number}\n")
                session.wait_for(_served)
            time.sleep(1.5)
            source.write_text(f"{original}\nimport fastapii\n")
            session.wait_for(lambda event: isinstance(event, ReleaseFailed | BuildFailed))
            time.sleep(1.5)
            source.write_text(f"{original}\n# mended\n")
            session.wait_for(_served)
        finally:
            session.stop()
            subprocess.run(
                [Path(sys.executable).with_name("devbox"), "down", project], timeout=120, check=False
            )
        return session.events


def _served(event: Event) -> bool:
    return isinstance(event, ReleaseServed) and event.strategy != "adopted"


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description="Makes the README's picture out of a real run.")
    parser.add_argument("--events", type=Path, help="draw this recorded session (JSON lines)")
    parser.add_argument("--keep", type=Path, help="keep the events of the run in this file")
    parser.add_argument("--out", type=Path, default=root / "docs" / "live.svg")
    options = parser.parse_args()
    if options.events:
        events = [from_json(line) for line in options.events.read_text().splitlines()]
    else:
        events = run_sample(root / "sample")
    if options.keep:
        options.keep.write_text("".join(f"{to_json(event)}\n" for event in events))
    drawn = frames(events)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(svg(drawn))
    print(f"{options.out}: {len(drawn)} frames, {sum(frame.seconds for frame in drawn):.0f} s")


if __name__ == "__main__":
    main()
