"""The files of a project's journal: their names, their bounds, and which kind of event goes into which.

Each line is one of `--output jsonl`, but for those that name a session, `{"v":1,"session":N}`: what follows
in the file was told by that session. N grows from session to session; `seq` begins at 1 in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A file of `most` bytes at most, and the one before it under the name ending `.1`."""

    name: str
    most: int

    def current(self, folder: Path) -> Path:
        return folder / self.name

    def older(self, folder: Path) -> Path:
        return folder / f"{self.name}.1"


EVENTS = JournalFile("journal.jsonl", 1 << 20)
# Files of their own: what an application prints must push out neither the builds nor what they printed.
BUILD_LOG = JournalFile("build-log.jsonl", 2 << 20)
APP_LOG = JournalFile("app-log.jsonl", 2 << 20)
ALL = (EVENTS, BUILD_LOG, APP_LOG)
_OUTPUT = {"app.log": APP_LOG, "app.raised": APP_LOG, "release.log": APP_LOG, "build.log": BUILD_LOG}


def file_of(kind: str) -> JournalFile:
    """Where events of a kind are kept."""
    return _OUTPUT.get(kind, EVENTS)


def session_line(session: int) -> bytes:
    """The line before the first one of a session, in each file and again in each new one."""
    return b'{"v":1,"session":%d}\n' % session
