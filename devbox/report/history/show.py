"""The builds of a project shown: read from its journal, drawn on a terminal, as lines or JSON elsewhere.

What takes its time to import is imported where it is used.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from devbox.report import can_be_live
from devbox.report.history import words
from devbox.report.history.records import BuildRecord, Past
from devbox.report.history.stages import spans
from devbox.report.history.told import past
from devbox.report.history.usual import marked, slowest
from devbox.report.journal_reader import build_output, read_lines
from devbox.report.sink import Page

if TYPE_CHECKING:
    from rich.text import Text

_SLOWEST = 5


def read_past(folder: Path, *, alive: bool, detailed: int | None = None) -> Past:
    """The builds in the journal of `folder`, each step that was far off what is usual marked; see `past`."""
    found = past(read_lines(folder), alive=alive, detailed=detailed)
    return Past(found.project, marked(found.builds))


def show_builds(known: Past, most: int, stream: TextIO, environ: Mapping[str, str], *, as_json: bool) -> None:
    """The newest builds, `most` at most."""
    shown = known.builds[-most:]
    slow = slowest(shown, _SLOWEST)
    if as_json:
        from devbox.report.history.document import History, to_json

        document = History(v=1, project=known.project, known=len(known.builds), builds=shown, slowest=slow)
        Page(stream).write_line(to_json(document))
    elif can_be_live(stream, environ):
        from devbox.report.history.table import table_lines

        screen = _Screen(stream)
        today = words.day(time.time())
        screen.draw(table_lines(known, shown, slow, width=screen.width, colour=screen.colour, today=today))
    else:
        from devbox.report.history.plain import plain_table

        _print(plain_table(shown, slow), stream)


def show_build(
    build: BuildRecord,
    project: str,
    folder: Path,
    stream: TextIO,
    environ: Mapping[str, str],
    *,
    as_json: bool,
) -> None:
    """One build as a timeline; `folder` is that of the journal, which has what its steps wrote."""
    if as_json:
        from devbox.report.history.document import Build, OutputLine, to_json

        wrote = [] if build.release_only else build_output(folder, build.number).lines
        output = tuple(OutputLine(event.step, event.stream, event.line) for event in wrote)
        Page(stream).write_line(to_json(Build(1, project, build, spans(build), output)))
    elif can_be_live(stream, environ):
        from devbox.report.history.timeline import timeline_lines

        screen = _Screen(stream)
        screen.draw(timeline_lines(build, project, _log(build, folder), width=screen.width))
    else:
        from devbox.report.history.plain import plain_timeline

        _print(plain_timeline(build, _log(build, folder)), stream)


def _log(build: BuildRecord, folder: Path) -> tuple[str, ...]:
    """What belongs to a failure: all that its step wrote where that is still known."""
    failure = build.failure
    if failure is None:
        return ()
    if not failure.step:
        return failure.log
    wrote = (event.line for event in build_output(folder, build.number).lines if event.step == failure.step)
    return tuple(wrote) or failure.log


def _print(lines: Iterable[str], stream: TextIO) -> None:
    Page(stream).write("".join(f"{line}\n" for line in lines))


class _Screen:
    """A terminal that scrolls: how wide it is, and whether colours are wanted."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, legacy_windows=False)
        self._sink = Page(stream)
        self.width = self._console.width
        self.colour = self._console.color_system is not None and not self._console.no_color

    def draw(self, lines: Iterable[Text]) -> None:
        with self._console.capture() as captured:
            for line in lines:
                self._console.print(line, crop=False)
        self._sink.write(captured.get())
