"""What of a failure's log is worth a panel: its end, and of a traceback the application's own frames."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devbox.report.text import clean

_LINES = 20
_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line \d')
_LIBRARY = re.compile(r"<frozen |/(?:site|dist)-packages/|/lib/python\d")
_BODY = " " * 4


def excerpt(log: Sequence[str]) -> list[str]:
    """The last lines of a log, each passed through `clean`, without blank ones at the end.

    Frames of libraries are left out where the application's own are there too.
    """
    lines = [clean(line).rstrip() for line in log]
    while lines and not lines[-1]:
        lines.pop()
    return _without_libraries(lines)[-_LINES:]


def _without_libraries(lines: list[str]) -> list[str]:
    frames = [frame["path"] for line in lines if (frame := _FRAME.match(line))]
    if all(_LIBRARY.search(path) for path in frames):
        return lines
    kept = []
    # A log may begin in the middle of a frame.
    library = True
    for line in lines:
        if frame := _FRAME.match(line):
            library = bool(_LIBRARY.search(frame["path"]))
        elif not line.startswith(_BODY):
            library = False
        if not library:
            kept.append(line)
    return kept
