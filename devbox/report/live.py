"""The live screen: a block pinned at the bottom of the terminal, the application's log scrolling above it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self, TextIO

from devbox.events import (
    AppExited,
    AppLog,
    BuildFailed,
    EngineBack,
    EngineLost,
    Event,
    Problem,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    SessionStopped,
    WatchPaused,
    WatchResumed,
)
from devbox.report.backlog import Backlog
from devbox.report.controls import Controls, Log, Prompt, press
from devbox.report.ink import Ink
from devbox.report.keyboard import Keyboard
from devbox.report.keys import Action
from devbox.report.plain import own
from devbox.report.record import record
from devbox.report.screen import Frame, paint
from devbox.report.sink import Sink
from devbox.report.state import reduce
from devbox.report.terminal import Terminal
from devbox.report.text import clean
from devbox.report.view import moves, screen_lines
from devbox.report.viewstate import ViewState

_MOVING_EVERY = 0.1
_ANSWER_WITHIN = 30.0
_WAITED_FOR = (
    SessionStarted,
    SessionStopped,
    ReleaseServed,
    ReleaseFailed,
    BuildFailed,
    AppExited,
    EngineLost,
    EngineBack,
    WatchPaused,
    WatchResumed,
)


class Live:
    """Draws when something changed: at once for an event that people wait for, on `tick` for the rest; on an
    event loop it ticks by itself while something moves.

    The log goes into the terminal's own scrollback; no alternate screen is used. Keys typed at `keyboard` are
    given to `act`, where both are there.
    """

    def __init__(
        self,
        stream: TextIO,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        *,
        act: Callable[[Action], None] | None = None,
        keyboard: TextIO | None = None,
    ) -> None:
        self._sink = Sink(stream)
        self._act = act
        self._keyboard = Keyboard(keyboard, self._pressed) if act and keyboard else None
        keys = self._keyboard is not None and self._keyboard.reads(stream)
        self._terminal = Terminal(self._sink, self._redraw_soon, keys=keys)
        self._controls = Controls(keys=keys)
        self._clock = clock
        self._ink = Ink(environ)
        self._state = ViewState()
        self._drawn: tuple[ViewState, Controls, tuple[int, int]] | None = None
        self._frame = Frame()
        self._backlog = Backlog()
        self._told_at = time.time()
        self._told_clock = clock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.TimerHandle | None = None
        self._answer: asyncio.Future[str] | None = None
        self._last_words: list[str] = []

    @property
    def closed(self) -> bool:
        return self._sink.closed

    @property
    def full(self) -> bool:
        return self._sink.full

    @property
    def pace(self) -> float:
        return 1.0 if self._loop else _MOVING_EVERY

    def __enter__(self) -> Self:
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self._terminal.enter()
        if self._keyboard and self._controls.keys:
            self._keyboard.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._keyboard:
                self._keyboard.stop()
            if kind is not None and not self._state.project:
                # Refused before it began: whoever says why needs no frame above it.
                self._sink.write(paint(self._frame, Frame(), "", self._terminal.size()[0]))
                return
            self._state = replace(self._state, message="")
            self._controls = Controls(log=self._controls.log)
            self._draw()
            if self._frame.lines:
                self._sink.write("\r\n")
            # Below the block: on it the next drawing would take them away.
            self._sink.write("".join(f"{own(clean(text))}\r\n" for text in self._last_words))
        finally:
            self._loop = None
            if self._next:
                self._next.cancel()
            self._terminal.leave()

    def __call__(self, event: Event) -> None:
        state = reduce(self._state, event)
        if state is not self._state:
            self._controls = replace(self._controls, said="")
        self._state = state
        self._told_at, self._told_clock = event.at, self._clock()
        if isinstance(event, AppLog):
            (self._backlog.hold if self._controls.log is Log.OFF else self._backlog.add)(event)
        elif line := record(event, self._state):
            self._backlog.add(line)
        if isinstance(event, _WAITED_FOR):
            self._draw()
        self._move_on()

    def tick(self) -> None:
        """Moves clocks and spinners, and shows the log lines that came since."""
        self._terminal.follow()
        if self._keyboard and self._controls.keys:
            self._keyboard.follow()
        self._draw()

    def message(self, text: str) -> None:
        """Shows a sentence in place of what goes on, until the next one."""
        self._state = replace(self._state, message=text)
        self._draw()
        self._move_on()

    def last_word(self, text: str) -> None:
        """Prints a line of devbox's own below the screen once it is left."""
        self._last_words.append(text)

    async def ask(self, question: str, choices: Mapping[str, str]) -> str:
        """Shows a question until one of its keys is typed; gives '' for Esc, after 30 seconds, or at once
        where nobody can type."""
        if not self._controls.keys or self._loop is None:
            return ""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("")
        answer: asyncio.Future[str] = self._loop.create_future()
        self._answer = answer
        prompt = Prompt(question, choices)
        self._controls = replace(self._controls, prompt=prompt)
        self._draw()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                return await answer
        except TimeoutError:
            return ""
        finally:
            if self._controls.prompt is prompt:
                self._controls = replace(self._controls, prompt=None)
                self._draw()

    def _pressed(self, key: str) -> None:
        pressed = press(self._controls, key)
        before, self._controls = self._controls, pressed.controls
        if before.log is Log.OFF and pressed.controls.log is not Log.OFF:
            self._backlog.let_go()
        self._draw()
        if pressed.answer is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(pressed.answer)
        if pressed.action is not None and self._act is not None:
            self._act(pressed.action)

    def problems(self, problems: Iterable[Problem]) -> None:
        """Says nothing: the error itself is printed once the screen is left."""

    def _now(self) -> float:
        """The time on the scale of the events, moved on by the monotonic clock since the last of them."""
        return self._told_at + self._clock() - self._told_clock

    def _move_on(self) -> None:
        """Sees to the next drawing, where there is something to draw; at rest nothing wakes."""
        if self._loop and self._next is None and (self._backlog.entries or moves(self._state)):
            self._next = self._loop.call_later(_MOVING_EVERY, self._woken)

    def _woken(self) -> None:
        self._next = None
        self._draw()
        self._move_on()

    def _draw(self) -> None:
        width, height = self._terminal.size()
        seen = (self._state, self._controls, (width, height))
        unchanged = self._drawn is not None and self._drawn[0] is self._state and self._drawn[1:] == seen[1:]
        if unchanged and not (self._backlog.entries or moves(self._state)):
            return
        # The last column stays free: a terminal that wraps there would put the cursor anywhere.
        block = screen_lines(self._state, width - 1, height, self._now(), self._ink.coloured, self._controls)
        frame = Frame(self._ink.lines(block), tuple(line.cell_len for line in block))
        log = self._ink.log(self._backlog.take(self._clock()))
        self._sink.write(paint(self._frame, frame, log, width))
        self._frame, self._drawn = frame, seen

    def _redraw_soon(self, anew: bool) -> None:
        """Asked for in a signal handler, that is in the middle of anything."""
        redraw = self._draw_anew if anew else self._draw
        if self._loop is None:
            redraw()
        else:
            # The loop may be closing.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(redraw)

    def _draw_anew(self) -> None:
        self._frame, self._drawn = Frame(), None
        if self._keyboard and self._controls.keys:
            self._keyboard.follow()
        self._draw()
