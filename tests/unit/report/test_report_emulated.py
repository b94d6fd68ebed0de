"""What stands on a terminal that somebody else wrote, after anything that can happen."""

from __future__ import annotations

import io
import os

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.events import AppLog, Event
from devbox.report.live import Live
from devbox.report.terminal import Terminal
from tests.unit.report import sessions
from tests.unit.report.ptys import XTERM
from tests.unit.report.strategies import EVENTS

# Private modes, as pyte keeps them.
CURSOR, WRAPPING, PASTE_MARKS, SYNCHRONISED = (mode << 5 for mode in (25, 7, 2004, 2026))
SIZES = st.tuples(st.integers(20, 200), st.integers(5, 50))
SCENES = st.lists(SIZES | EVENTS, max_size=20)
NASTY = (
    "\x1b[2J\x1b[H\x1b[?1049hfull screen",
    "\x1b[31mred, and no end of it",
    "漢字" * 60,
    "\x1b]0;title\x07\x1b[5;5Hmoved",
    "a\rb\x08c\x0bd",
    "x" * 9000,
    "\U0001f469‍\U0001f467 family",
    "50%\r100%",
)


class Emulated:
    """The live screen on pyte's terminal, which may change its size."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=100_000)
        self._terminal = pyte.Stream(self.screen)
        self._stream = io.StringIO()
        self._read = 0
        self.live = Live(self._stream, XTERM)

    def size(self) -> os.terminal_size:
        return os.terminal_size((self.screen.columns, self.screen.lines))

    def read(self) -> None:
        """Brings the terminal up to what was written."""
        self._terminal.feed(self._stream.getvalue()[self._read :])
        self._read = len(self._stream.getvalue())

    @property
    def block(self) -> list[str]:
        """What stands from the border on, up to the cursor."""
        lines = [line.rstrip() for line in self.screen.display[: self.screen.cursor.y + 1]]
        borders = [number for number, line in enumerate(lines) if line.startswith("─ sample")]
        assert len(borders) == 1
        return lines[borders[0] :]


@settings(max_examples=60)
@given(SIZES, SCENES)
def test_after_anything_the_block_is_whole_and_the_terminal_as_it_was(
    size: tuple[int, int], scenes: list[tuple[int, int] | Event]
) -> None:
    on = Emulated(*size)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Terminal, "size", on.size)
        with on.live as live:
            for scene in scenes:
                if isinstance(scene, tuple):
                    on.screen.resize(scene[1], scene[0])
                else:
                    live(scene)
                live.tick()
                on.read()
                assert on.screen.mode >= {WRAPPING, PASTE_MARKS}
                assert CURSOR not in on.screen.mode
        on.read()
    assert on.screen.mode & {CURSOR, WRAPPING, PASTE_MARKS, SYNCHRONISED} == {CURSOR, WRAPPING}
    assert on.screen.cursor.x == 0


@pytest.mark.parametrize("size", [(60, 24), (80, 24), (200, 50), (40, 5)])
def test_whatever_an_application_writes_the_block_stands_below_it(size: tuple[int, int]) -> None:
    on = Emulated(*size)
    with pytest.MonkeyPatch.context() as patched, on.live as live:
        patched.setattr(Terminal, "size", on.size)
        for event in sessions.stamped(sessions.several_rounds()):
            live(event)
        live.tick()
        on.read()
        block = on.block
        assert len(block) >= min(size[1] // 2, 10)
        for line in NASTY * 3:
            live(AppLog(revision=7, stream="stdout", line=line))
            live.tick()
            on.read()
            assert on.block == block
            assert on.screen.buffer[on.screen.cursor.y][0].fg == "default"
