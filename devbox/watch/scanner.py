"""The build context as it is on disk, found by looking at all of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from devbox.digest import new_hasher
from devbox.errors import ContextError
from devbox.model import Entry, Kind, Snapshot
from devbox.watch import ignorefile
from devbox.watch.contents import NotRegular, read_file
from devbox.watch.ignore import IgnoreRules, Verdict
from devbox.watch.notices import notices
from devbox.watch.statcache import StatCache
from devbox.watch.walk import Identity, Walk


class Scanner:
    """Takes snapshots of the context at `root`, reading again only what may have changed since the last one.

    Not for two threads at once. A scan that fails or is stopped changes nothing for the next one.
    `directories` are those that the last scan looked into, the root as ''; one that failed adds to them.
    """

    def __init__(self, root: Path, dockerfile: Path | None = None) -> None:
        """`dockerfile` may be anywhere; an ignore file beside it wins. Default: `Dockerfile` in `root`."""
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - unlike resolve it keeps the links in the path
        self.dockerfile = self.root / (dockerfile or "Dockerfile")
        self.directories: Mapping[str, Identity] = {}
        self._rules = IgnoreRules()
        self._ignore_file = ignorefile.IgnoreFile()
        self._verdicts: dict[str, Verdict] = {}
        self._cache = StatCache(str(self.root))
        self._last: Snapshot | None = None
        self._last_aside = ""

    def scan(self, stop: threading.Event | None = None) -> Snapshot:
        """The context as the builder would get it now: equal digests mean equal input for the builder.

        The digest is over path, kind, permission bits and content of every entry, and over the content of the
        Dockerfile where that is no entry, because it is sent all the same. Links are entries, sockets are
        skipped and said, what vanishes meanwhile is left out. Raises ContextError for named pipes, devices,
        what cannot be read and bad ignore files; ScanStopped soon after `stop` is set.
        """
        stop = stop or threading.Event()
        ignore_file = ignorefile.read(self.root, self.dockerfile)
        same_rules = ignore_file == self._ignore_file
        rules = self._rules if same_rules else IgnoreRules(ignore_file.data, file=ignore_file.name)
        self._cache.begin()
        walk = Walk(str(self.root), rules, self._cache, self._verdicts if same_rules else {}, stop)
        try:
            walk.run()
        except ContextError:
            self.directories = {**self.directories, **walk.directories}
            raise
        aside = self._dockerfile_aside(walk.entries, stop)
        self._cache.commit()
        self._rules, self._ignore_file, self._verdicts = rules, ignore_file, walk.verdicts
        self.directories = walk.directories
        skipped = tuple(sorted(walk.skipped))
        last = self._last
        seen_last = last and (last.entries, last.skipped, self._last_aside)
        if last and same_rules and seen_last == (walk.entries, skipped, aside):
            return last
        entries = dict(sorted(walk.entries.items()))
        if last and same_rules and last.entries.keys() == entries.keys():
            told = last.notices
        else:
            told = tuple(sorted({*notices(entries), ignore_file.notice} - {""}))
        self._last_aside = aside
        self._last = Snapshot(MappingProxyType(entries), _digest(entries, aside), skipped, told)
        return self._last

    def ignores(self, path: str) -> bool:
        """Whether the rules of the last scan exclude `path`, relative to the context; a path on which they
        cannot be applied counts as not excluded."""
        try:
            return (self._verdicts.get(path) or self._rules.verdict(path)).excluded
        except ContextError:
            return False

    def _dockerfile_aside(self, entries: Mapping[str, Entry], stop: threading.Event) -> str:
        """The digest of a Dockerfile that is not among the entries as a file; '' where there is none."""
        entry = entries.get(os.path.relpath(self.dockerfile, self.root))
        if entry is not None and entry.kind is Kind.FILE:
            return ""
        try:
            return read_file(str(self.dockerfile), stop, follow=True).digest
        except (OSError, NotRegular):
            return ""  # the build says what is wrong with it


def _digest(entries: Mapping[str, Entry], aside: str) -> str:
    """No field can hold a NUL, so that different contexts never run together into the same bytes."""
    fields: list[str] = [aside]
    for path, entry in entries.items():
        fields += (path, entry.kind, f"{entry.mode:o}", entry.digest)
    hasher = new_hasher()
    hasher.update("\0".join(fields).encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()
