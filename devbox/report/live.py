"""The live screen: a block pinned at the bottom of the terminal, the application's log scrolling above it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Literal, Self, TextIO

from rich.console import Console
from rich.text import Text

from devbox.events import (
    AppExited,
    BuildFailed,
    EngineBack,
    EngineLost,
    Event,
    Problem,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    SessionStopped,
)
from devbox.report.record import record
from devbox.report.screen import Frame, paint
from devbox.report.sink import Sink
from devbox.report.state import reduce
from devbox.report.terminal import Terminal
from devbox.report.view import moves, screen_lines
from devbox.report.viewstate import ViewState

_PENDING_LIMIT = 1000
_WAITED_FOR = (
    SessionStarted,
    SessionStopped,
    ReleaseServed,
    ReleaseFailed,
    BuildFailed,
    AppExited,
    EngineLost,
    EngineBack,
)


class Live:
    """Draws when something changed: at once for an event that people wait for, on `tick` for the rest.

    The log goes into the terminal's own scrollback; no alternate screen is used.
    """

    def __init__(
        self, stream: TextIO, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sink = Sink(stream)
        self._terminal = Terminal(self._sink, self._draw_anew)
        self._clock = clock
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system=colours(environ),
            no_color=False,
            legacy_windows=False,
            highlight=False,
            width=1000,
            height=100,
        )
        self._state = ViewState()
        self._drawn: ViewState | None = None
        self._size = (0, 0)
        self._frame = Frame()
        self._pending: list[Text] = []
        self._told_at = time.time()
        self._told_clock = clock()

    @property
    def closed(self) -> bool:
        return self._sink.closed

    @property
    def pace(self) -> float:
        return 0.1

    def __enter__(self) -> Self:
        self._terminal.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None and not self._state.project:
                # Refused before it began: whoever says why needs no frame above it.
                self._sink.write(paint(self._frame, Frame(), "", self._terminal.size()[0]))
                return
            self._state = replace(self._state, message="")
            self._draw()
            if self._frame.lines:
                self._sink.write("\r\n")
        finally:
            self._terminal.leave()

    def __call__(self, event: Event) -> None:
        self._state = reduce(self._state, event)
        self._told_at, self._told_clock = event.at, self._clock()
        line = record(event, self._state)
        if line is not None:
            self._pending.append(line)
        if isinstance(event, _WAITED_FOR) or len(self._pending) >= _PENDING_LIMIT:
            self._draw()

    def tick(self) -> None:
        """Moves clocks and spinners, and shows the log lines that came since."""
        self._draw()

    def message(self, text: str) -> None:
        """Shows a sentence in place of what goes on, until the next one."""
        self._state = replace(self._state, message=text)
        self._draw()

    def problems(self, problems: Iterable[Problem]) -> None:
        """Says nothing: the error itself is printed once the screen is left."""

    def _now(self) -> float:
        """The time on the scale of the events, moved on by the monotonic clock since the last of them."""
        return self._told_at + self._clock() - self._told_clock

    def _draw(self) -> None:
        width, height = self._terminal.size()
        if (
            self._state is self._drawn
            and (width, height) == self._size
            and not (self._pending or moves(self._state))
        ):
            return
        # The last column stays free: a terminal that wraps there would put the cursor anywhere.
        block = screen_lines(
            self._state, width - 1, height, self._now(), self._console.color_system is not None
        )
        frame = Frame(tuple(self._ansi(block).split("\n")[:-1]), tuple(line.cell_len for line in block))
        log = self._ansi(self._pending).replace("\n", "\r\n")
        self._sink.write(paint(self._frame, frame, log, width))
        self._pending.clear()
        self._frame, self._drawn, self._size = frame, self._state, (width, height)

    def _ansi(self, lines: list[Text]) -> str:
        """The lines with their escape sequences and ends, unwrapped: the terminal does that itself."""
        if not lines:
            return ""
        with self._console.capture() as captured:
            self._console.print(Text("\n").join(lines), soft_wrap=True)
        return captured.get()

    def _draw_anew(self) -> None:
        self._frame, self._drawn = Frame(), None
        self._draw()


def colours(environ: Mapping[str, str]) -> Literal["standard", "256", "truecolor"] | None:
    """The colours a terminal is known to show; None where NO_COLOR asks for none (https://no-color.org)."""
    if environ.get("NO_COLOR"):
        return None
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if environ.get("TERM", "").endswith("256color") else "standard"
