"""The journal read back: what each session told, in the order it was told, out of files that are written to
meanwhile."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devbox.report.journal_files import ALL, BUILD_LOG, EVENTS, JournalFile

if TYPE_CHECKING:
    # Its models take longer to make than a whole journal to read.
    from devbox.events import BuildLog, Event

_TOLD = re.compile(rb'\{"v":1,"seq":(\d{1,18}),"at":[^,"]*,"kind":"([a-z.]+)"')
_SESSION = re.compile(rb'\{"v":1,"session":(\d{1,20})\}')
_OPENED_AGAIN_AT_MOST = 20
_SERVING = {"build.started": "build", "release.served": "revision"}


class Line(NamedTuple):
    """One event as it was written; lines compare as they were told."""

    session: tuple[int, int]
    seq: int
    kind: str
    text: bytes

    def fields(self) -> dict[str, Any]:
        """The event's JSON object; raises ValueError for a line that is torn."""
        found = json.loads(self.text)
        if not isinstance(found, dict):
            raise ValueError("not an object")  # noqa: TRY004
        return found


def read_lines(folder: Path, *files: JournalFile) -> Iterator[Line]:
    """Every line of these files (of `EVENTS` where none is named), merged, oldest first: none twice, and none
    missing but those that were rotated away before it began.

    What is no event of this version is passed over, and so is a file that cannot be read. The end of a line
    may be missing: it is known where its fields are read.
    """
    return heapq.merge(*(_lines(_contents(folder, file)) for file in files or (EVENTS,)))


def read_journal(folder: Path, *, output: bool = False) -> Iterator[Event]:
    """Every event of the journal in `folder`, oldest first; with `output` also what applications and build
    steps wrote. Lines that are torn or of another version are passed over."""
    from devbox.events import from_json

    for line in read_lines(folder, *(ALL if output else (EVENTS,))):
        with contextlib.suppress(ValueError):
            yield from_json(line.text)


class Output(NamedTuple):
    """What the steps of a build wrote, as far as it is kept; `known` where the journal tells of the build,
    `whole` where nothing of it can have been rotated away."""

    lines: list[BuildLog]
    known: bool
    whole: bool


def build_output(folder: Path, build: int) -> Output:
    """What the steps of a build wrote, without the progress of pulls; of two builds that had the number, as
    after the engine lost its images, the newer one's."""
    from devbox.events import BuildLog, from_json

    start = (0, 0), 0
    for line in read_lines(folder):
        if line.kind == "build.started" and b'"build":%d,' % build in line.text:
            start = line.session, line.seq
    found: list[BuildLog] = []
    session = start[0]
    oldest: tuple[tuple[int, int], int] | None = None
    for line in read_lines(folder, BUILD_LOG):
        at = line.session, line.seq
        oldest = oldest or at
        if at < start or b'"build":%d,' % build not in line.text:
            continue
        with contextlib.suppress(ValueError):
            event = from_json(line.text)
            if isinstance(event, BuildLog) and event.build == build and event.stream != "progress":
                if line.session != session:
                    session, found = line.session, []
                found.append(event)
    # Only from an older file on can lines have been let go, and then those before all that are kept.
    whole = oldest is None or oldest < start or not BUILD_LOG.older(folder).exists()
    return Output(found, bool(found) or start[1] > 0, whole)


def unserved(folder: Path) -> frozenset[int]:
    """The revisions that a build was begun for and that never served, as far as the journal tells."""
    waiting: set[int] = set()
    for line in read_lines(folder):
        if line.kind in _SERVING:
            with contextlib.suppress(ValueError):
                number = line.fields().get(_SERVING[line.kind], 0)
                # A number is used again where the engine lost its images.
                (waiting.add if line.kind == "build.started" else waiting.discard)(number)
    return frozenset(waiting)


def latest_session(folder: Path) -> int:
    """The highest number of a session that wrote there, 0 where none did."""
    contents = (content for file in ALL for content in _contents(folder, file))
    named = (match for content in contents for match in _SESSION.finditer(content))
    return max((int(match[1]) for match in named), default=0)


def _lines(contents: Iterable[bytes]) -> Iterator[Line]:
    session, seq = (0, 0), 0
    for content in contents:
        for text in content.split(b"\n"):
            if told := _TOLD.match(text):
                number = int(told[1])
                if number <= seq:
                    # Written by a devbox that named no sessions.
                    session = (session[0], session[1] + 1)
                seq = number
                yield Line(session, seq, told[2].decode(), text)
            elif (named := _SESSION.fullmatch(text)) and int(named[1]) != session[0]:
                session, seq = (int(named[1]), 0), 0


def _contents(folder: Path, file: JournalFile) -> list[bytes]:
    """The older file and the current one, as they were at one moment."""
    content: list[bytes] = []
    for _ in range(_OPENED_AGAIN_AT_MOST):
        with contextlib.ExitStack() as stack:
            current = _opened(file.current(folder), stack)
            older = _opened(file.older(folder), stack)
            content = [_content(each) for each in (older, current) if each is not None]
            if current is None or _is_at(current, file.current(folder)):
                return content
    # It is rotated all the time: what was the current file is whole by itself.
    return content[-1:]


def _opened(path: Path, stack: contextlib.ExitStack) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _content(descriptor: int) -> bytes:
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError:
        return b""
