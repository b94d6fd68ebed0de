"""The panels of the live screen that nobody may miss: a failure, and an engine that is gone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.text import Text

from devbox.events import Failure
from devbox.report.excerpt import excerpt
from devbox.report.figures import BAD, DIM, WARNING, fit, row
from devbox.report.text import clean, clean_lines, shorten, whole_seconds
from devbox.report.viewstate import EngineGone, Trouble

# With so many lines of the log a panel's parts are kept apart, before more of it is shown.
_LEAST_LOG_LINES = 4
_HEAD_LINES = 3
_POINTS_AT_CODE = re.compile(r"[ ~^]*")
_NAMES_AN_ERROR = re.compile(r"[\w.]*(?:Error|Exception|ERROR)\b")


@dataclass(frozen=True, slots=True)
class _Panel:
    """A title in the border, a headline with a word on its right, log and advice, a last line."""

    title: str
    head: str
    aside: str
    failure: Failure
    foot: Text
    style: str


def trouble_panel(trouble: Trouble, foot: Text, width: int, widest: int, height: int) -> list[Text]:
    """The failure in a red border, at most `height` lines: its log gives way first, then cause and hint.

    It is `width` cells wide, up to `widest` where headline or log are longer; `foot` is its last line.
    """
    failure = trouble.failure
    head = shorten(trouble.where, max(width - 14, 20)) if trouble.where else clean(failure.what)
    longest = max(map(cell_len, (head, *excerpt(failure.log))))
    name = "build" if trouble.kind == "build" else "revision"
    verb = {"build": "failed", "start": "failed to start", "exit": "exited"}[trouble.kind]
    status = f"exit {failure.exit_status}" if trouble.where and failure.exit_status is not None else ""
    panel = _Panel(
        title=f"✗ {name} {trouble.number} {verb}",
        head=head,
        aside=status,
        failure=failure,
        foot=foot,
        style=BAD,
    )
    return _boxed(panel, min(max(width, longest + 4), widest), height)


def engine_panel(gone: EngineGone, width: int, height: int, now: float) -> list[Text]:
    """What is known of an engine that does not answer, in a yellow border, with the seconds since."""
    panel = _Panel(
        title="! engine lost",
        head=clean(gone.failure.what),
        aside=whole_seconds(now - gone.at),
        failure=gone.failure,
        foot=Text("devbox goes on asking", style=DIM),
        style=WARNING,
    )
    return _boxed(panel, width, height)


def _log(failure: Failure, width: int, height: int) -> list[Text]:
    """The log's last lines on at most `height` ones, folded rather than cut: the end of a line may be what
    matters. The line that names the error stands out."""
    shown: list[Text] = []
    for line in reversed(excerpt(failure.log)):
        style = "bold" if _NAMES_AN_ERROR.match(line) else ""
        pieces = [Text(part, style=style) for part in _folded(line, width)]
        if shown and len(shown) + len(pieces) > height:
            break
        shown = [*pieces, *shown]
    return shown[-height:] if height > 0 else []


def _folded(line: str, width: int) -> list[str]:
    """The line in pieces of at most `width` cells, broken at a blank where one is near the end of a piece."""
    if _POINTS_AT_CODE.fullmatch(line):
        return [line[:width]]
    pieces = []
    while cell_len(line) > width:
        piece = chop_cells(line, width)[0] or line[0]
        blank = piece.rfind(" ")
        if blank >= len(piece) * 2 // 3:
            piece = piece[: blank + 1]
        pieces.append(piece.rstrip())
        line = line[len(piece) :]
    return [*pieces, line]


def _advice(failure: Failure, width: int) -> list[Text]:
    lines = []
    for word, text, style in (("why", failure.cause, ""), ("try", failure.hint, "bold")):
        words = " ".join(clean_lines(text)).split()
        for number, part in enumerate(_wrapped(words, width - 5)[:3]):
            lines.append(Text.assemble((f"{word if number == 0 else '':5}", DIM), (part, style)))
    return lines


def _wrapped(words: list[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.extend(chop_cells(word, width))
    return lines


def _boxed(panel: _Panel, width: int, height: int) -> list[Text]:
    """The panel in its border, its parts apart where there is room; a single line where there is none."""
    title = (panel.title, f"bold {panel.style}")
    room = height - 4
    if room < 0 or width < 24:
        return [fit(Text.assemble("  ", title, "  ", panel.head), width)][:height]
    inner = width - 4
    head = _head(panel, inner)[: max(room, 1)]
    room -= len(head) - 1
    advice = _advice(panel.failure, inner)[:room]
    gaps = sum(map(bool, (panel.failure.log, advice, panel.foot)))
    log = _log(panel.failure, inner, room - len(advice) - gaps)
    if len(log) < _LEAST_LOG_LINES:
        log = _log(panel.failure, inner, room - len(advice))
    groups = [group for group in (head, log, advice, [panel.foot]) if any(group)]
    airy = sum(map(len, groups)) + len(groups) - 1 <= height - 2
    lines: list[Text] = []
    for number, group in enumerate(groups):
        if airy and number:
            lines.append(Text())
        lines += group
    style = panel.style
    top = Text.assemble(("╭─ ", style), title, " ")
    top = fit(top, width - 1)
    top.append("─" * (width - 1 - top.cell_len) + "╮", style=style)
    bottom = Text("╰" + "─" * (width - 2) + "╯", style=style)
    return [top, *(_walled(line, style, width) for line in lines), bottom]


def _head(panel: _Panel, width: int) -> list[Text]:
    """The headline, wrapped where it is long: it may be all of the message."""
    aside = Text(panel.aside, style=f"bold {panel.style}")
    room = width - aside.cell_len - 2 if panel.aside else width
    parts = _wrapped(panel.head.split(), room) if cell_len(panel.head) > room else []
    parts = parts or [panel.head]
    first, *others = (Text(part, style="bold") for part in parts[:_HEAD_LINES])
    return [row(width, first, aside), *others]


def _walled(line: Text, style: str, width: int) -> Text:
    content = fit(line, width - 4)
    return Text.assemble(("│ ", style), content, " " * (width - 4 - content.cell_len), (" │", style))
