from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devbox.report.screen import Frame, paint
from tests.unit.report.terminals import SmallTerminal

WIDTH = 20
HEIGHT = 8
WORDS = st.text("abcdefgh ", max_size=WIDTH - 1).map(str.rstrip)
# A block begins with its rule: it is never one blank line.
BLOCKS = st.lists(WORDS, max_size=HEIGHT - 2).map(lambda lines: ["rule", *lines])
LOGS = st.lists(st.text("ABC", max_size=3 * WIDTH), max_size=6)


def frame(*lines: str) -> Frame:
    return Frame(lines, tuple(map(len, lines)))


def wrapped(lines: list[str], width: int = WIDTH) -> list[str]:
    return [
        line[start : start + width].rstrip() for line in lines for start in range(0, max(len(line), 1), width)
    ]


@given(st.lists(st.tuples(BLOCKS, LOGS), max_size=12))
def test_the_log_is_kept_whole_above_and_the_block_below_it(
    scenes: list[tuple[list[str], list[str]]],
) -> None:
    terminal = SmallTerminal(WIDTH, HEIGHT)
    before, log = Frame(), list[str]()
    for block, news in scenes:
        after = frame(*block)
        terminal.write(paint(before, after, "".join(f"{line}\r\n" for line in news), WIDTH))
        before, log = after, [*log, *news]
        # what is left of a higher block before it stays below, blank
        text = terminal.text
        expected = [*wrapped(log), *block]
        assert text[: len(expected)] == expected
        assert not any(text[len(expected) :])
        assert terminal.row + len(terminal.scrollback) == len(expected) - 1


def test_nothing_is_written_where_nothing_changed() -> None:
    same = frame("one", "two")
    assert paint(same, same, "", WIDTH) == ""


def test_lines_are_overwritten_without_being_blanked_first() -> None:
    written = paint(frame("one 1", "two 1"), frame("one 2", "two 2"), "", WIDTH)
    assert written == "\x1b[?2026h\r\x1b[1A\x1b[?7lone 2\x1b[K\r\ntwo 2\x1b[K\x1b[?7h\x1b[?2026l"


def test_a_line_that_is_wider_than_it_was_counted_takes_no_second_row() -> None:
    terminal = SmallTerminal(WIDTH, HEIGHT)
    counted_wrongly = Frame(("rule", "x" * (WIDTH + 2), "end"), (4, WIDTH - 1, 3))
    for number in range(4):
        terminal.write(
            paint(counted_wrongly if number else Frame(), counted_wrongly, f"log {number}\r\n", WIDTH)
        )
    assert terminal.text == [*(f"log {number}" for number in range(4)), "rule", "x" * WIDTH, "end"]
    assert terminal.wraps


@given(BLOCKS, BLOCKS, LOGS, st.integers(4, WIDTH))
def test_a_block_that_the_terminal_re_wrapped_leaves_nothing_behind(
    before: list[str], after: list[str], log: list[str], width: int
) -> None:
    terminal = SmallTerminal(WIDTH, 100)
    terminal.write("old log\r\n")
    terminal.write(paint(Frame(), frame(*before), "", WIDTH))
    terminal.narrow(width)
    fitting = [line[: width - 1].rstrip() for line in after]
    terminal.write(paint(frame(*before), frame(*fitting), "".join(f"{line}\r\n" for line in log), width))
    expected = [*wrapped(["old log"], width), *wrapped(log, width), *fitting]
    assert terminal.text[: len(expected)] == expected
    assert not any(terminal.text[len(expected) :])
