"""The text of what RUN instructions build upon, and of ignore files, as the last build had it, so that
changed lines can be named.

Kept in memory, bounded, and used for words only.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from devbox.build.lines import line_difference
from devbox.build.plan import before_runs, is_ignore_file
from devbox.daemon.work import Source
from devbox.digest import file_digest
from devbox.errors import DockerfileError
from devbox.model import ChangeSet, Entry, Kind
from devbox.watch import is_secret

_FILE = 64 * 1024
_ALL = 2 * 1024 * 1024
_FILES = 200
_TOLD = 20


class Texts:
    """Remembers small UTF-8 files by their digest; never one whose name says that it holds secrets."""

    def __init__(self) -> None:
        self._known: Mapping[str, str] = {}

    async def remember(self, source: Source, base: Source | None = None) -> None:
        """Keeps what `source` has on disk, what is known of `base`, and nothing else.

        What is saved before it was read is left out.
        """
        self._known = await asyncio.to_thread(_texts, source, base, self._known)

    async def differences(self, base: Source, now: Source, changes: ChangeSet) -> Mapping[str, str]:
        """Of changed paths, the first 20 whose former text is known, which lines differ."""
        former = {
            path: self._known[entry.digest]
            for path in changes.modified
            if (entry := base.snapshot.entries.get(path)) is not None and entry.digest in self._known
        }
        return await asyncio.to_thread(_differences, now, dict(list(former.items())[:_TOLD]))


def _differences(now: Source, former: Mapping[str, str]) -> Mapping[str, str]:
    found = {}
    for path, text in former.items():
        entry = now.snapshot.entries.get(path)
        current = _text(now.config.context / path, entry) if entry is not None else None
        if current is not None and not is_secret(path):
            found[path] = line_difference(path, text, current)
    return found


def _texts(source: Source, base: Source | None, known: Mapping[str, str]) -> Mapping[str, str]:
    """The texts of both by digest; only those of `source` that are not known already are read."""
    needed = {entry.digest for entry in base.snapshot.entries.values()} if base else set()
    found = {digest: text for digest, text in known.items() if digest in needed}
    size = 0
    for path, entry in _wanted(source):
        text = known.get(entry.digest)
        if text is None:
            text = _text(source.config.context / path, entry)
        if text is not None and size + entry.size <= _ALL:
            size += entry.size
            found[entry.digest] = text
    return found


def _wanted(source: Source) -> Iterable[tuple[str, Entry]]:
    """The files to remember, those nearest to the top first."""
    config = source.config
    try:
        sources = before_runs(source.dockerfile, config.build_args, config.target)
    except DockerfileError:
        return []
    matching = (
        (path, entry)
        for path, entry in source.snapshot.entries.items()
        if entry.kind is Kind.FILE
        and entry.size <= _FILE
        and not is_secret(path)
        and (is_ignore_file(path) or any(each.matches(path) for each in sources))
    )
    return heapq.nsmallest(_FILES, matching, key=lambda item: (item[0].count("/"), item[0]))


def _text(path: Path, entry: Entry) -> str | None:
    """The file's text, None unless it still is the one of `entry`."""
    if entry.kind is not Kind.FILE or entry.size > _FILE:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(_FILE + 1)
        return content.decode() if file_digest([content]) == entry.digest else None
    except (OSError, UnicodeDecodeError):
        return None
