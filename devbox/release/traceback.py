"""Reading what Python wrote about an exception: frames, the line, the column, the message. Pure.

Of Python 3.8 and newer, whoever printed it: the interpreter, uvicorn ("ERROR:    Traceback …"), an exception
group with its margin of `|`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

_HEADER = re.compile(r"Traceback \(most recent call last\):$")
_FRAME = re.compile(r'\s+File "(?P<file>.+)", line (?P<line>\d+)(?:, in .+)?$')
_MARKS = re.compile(r"\s+[~^]+\s*$")
_MESSAGE = re.compile(r"[A-Za-z_][\w.]*(?:<locals>[\w.]*)?(?:: .*|:)?$")
_GROUP = re.compile(r".*\(\d+ sub-exceptions?\)$")
_MARGIN = re.compile(r"\s*[|+] (?=\s*\S)")
_RULE = re.compile(r"\s*\+[-+]+(?: (?:\d+|\.\.\.) )?-+$")
_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
# The interpreter indents the source line that it shows by four.
_INDENT = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One `File "…", line N`, with the source line that was `shown`, stripped.

    `marked` is the 0-based place within that of the marks below it, -1 where there were none.
    """

    file: str
    line: int
    shown: str = ""
    marked: int = -1

    def column(self, source: str | None) -> int:
        """The 1-based column within the file's text, 0 where it cannot be told; or is another text by now."""
        if source is None or self.marked < 0:
            return 0
        lines = source.splitlines()
        written = lines[self.line - 1] if 0 < self.line <= len(lines) else ""
        if written.strip() != self.shown:
            return 0
        return len(written) - len(written.lstrip()) + self.marked + 1


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception, its frames outermost first. `linked` says that it was raised because of the one before
    it, or while that was handled; `group` that it only holds the ones behind it; `report` counts what was
    printed at once."""

    message: str
    frames: tuple[Frame, ...]
    linked: bool = False
    group: bool = False
    report: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Where an exception belongs: the innermost frame that its reader calls its own."""

    message: str
    frame: Frame
    place: str


@dataclass(slots=True)
class _Reader:
    """Takes line after line; what is complete stands in `raised`."""

    raised: list[Raised] = field(default_factory=list)
    _frames: list[Frame] = field(default_factory=list)
    _linked: bool = False
    _report: int = 0
    _open: bool = False
    _lines: int = 0

    def feed(self, line: str) -> None:
        margin = _MARGIN.match(line)
        body = line[margin.end() :] if margin else line
        if _RULE.match(line) or not body.strip():
            return
        if body.strip() in _LINKS:
            self._linked = True
        elif _HEADER.search(body):
            self._begin(inside=margin is not None and "Exception Group" not in body)
        elif frame := _FRAME.match(body):
            self._frame(frame)
        elif self._open and body[0].isspace():
            self._shown(body)
        elif self._open and _MESSAGE.match(body):
            self._end(body.rstrip())

    def _begin(self, *, inside: bool) -> None:
        if not (self._linked or inside):
            self._report += 1
        self._frames, self._open = [], True

    def _frame(self, frame: re.Match[str]) -> None:
        self._open = True
        self._frames.append(Frame(frame["file"], int(frame["line"])))
        self._lines = 0

    def _shown(self, body: str) -> None:
        """The first line below a frame is source, the second one may be its marks; what follows belongs to
        an expression over several lines."""
        if not self._frames:
            return
        self._lines += 1
        if self._lines == 1:
            self._frames[-1] = replace(self._frames[-1], shown=body.strip())
        elif self._lines == 2 and _MARKS.match(body):
            place = len(body) - len(body.lstrip()) - _INDENT
            self._frames[-1] = replace(self._frames[-1], marked=max(place, -1))

    def _end(self, message: str) -> None:
        group = _GROUP.match(message) is not None
        self.raised.append(Raised(message, tuple(self._frames), self._linked, group, self._report))
        self._frames, self._open, self._linked = [], False, False


def read_tracebacks(lines: Iterable[str]) -> tuple[Raised, ...]:
    """Every exception in a log, in the order in which it was printed; one whose beginning is cut off too."""
    reader = _Reader()
    for line in lines:
        reader.feed(line)
    return tuple(reader.raised)


def begins_traceback(line: str) -> bool:
    """Whether a line of a log is the first one of a traceback."""
    return _HEADER.search(line) is not None


def culprits(
    lines: Iterable[str], own: Callable[[str], str | None], *, every: bool = False
) -> tuple[Found, ...]:
    """Where the last exceptions of a log that passed through one's own code belong, one for each chain; with
    `every` those before them too.

    `own` gives the place of a file named in a traceback, None for one that is not one's own. Of a chain
    (raised while another was handled) the last that has such a frame counts; of a group each that it holds.
    """
    raised = read_tracebacks(lines)
    found: dict[Found, None] = {}
    for report in sorted({one.report for one in raised}, reverse=True):
        if every or not found:
            found = {
                **dict.fromkeys(_of_report([one for one in raised if one.report == report], own)),
                **found,
            }
    return tuple(found)


def _of_report(raised: Iterable[Raised], own: Callable[[str], str | None]) -> list[Found]:
    chains: list[list[Raised]] = []
    for one in raised:
        if one.linked and chains:
            chains[-1].append(one)
        else:
            chains.append([one])
    found = [hit for chain in chains if (hit := _of_chain(chain, own)) is not None]
    return [hit for hit, group in found if not group] or [hit for hit, _ in found]


def last_message(lines: Iterable[str]) -> str:
    """What the last exception of a log says, '' where there is none."""
    raised = read_tracebacks(lines)
    return raised[-1].message if raised else ""


def _of_chain(chain: list[Raised], own: Callable[[str], str | None]) -> tuple[Found, bool] | None:
    last_first = list(reversed(chain))
    for one in sorted(last_first, key=lambda one: one.group):
        for frame in reversed(one.frames):
            place = own(frame.file)
            if place is not None:
                return Found(one.message, frame, place), one.group
    return None
