"""The build context as it is on disk, found by looking at all of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from devbox.errors import ContextError
from devbox.model import Entry, Kind, Snapshot
from devbox.watch import ignorefile
from devbox.watch.contents import NotRegular, read_file
from devbox.watch.folders import Folder, digest_of, exchanged, folder, folders_of, parent
from devbox.watch.ignore import ROOT, IgnoreRules, Verdict
from devbox.watch.notices import notices
from devbox.watch.statcache import StatCache
from devbox.watch.walk import Identity, Walk


class Scanner:
    """Takes snapshots of the context at `root`, reading again only what may have changed since the last one.

    Not for two threads at once. A scan that fails or is stopped changes nothing for the next one.
    `directories` are those that the last scan looked into, the root as ''; one that failed adds to them.
    """

    def __init__(self, root: Path, dockerfile: Path | None = None, unwritten: bytes = b"") -> None:
        """`dockerfile` may be anywhere; an ignore file beside it wins. Default: `Dockerfile` in `root`.
        `unwritten` are the rules as long as there is neither an ignore file nor a Dockerfile."""
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - unlike resolve it keeps the links in the path
        self.dockerfile = self.root / (dockerfile or "Dockerfile")
        self.directories: Mapping[str, Identity] = {}
        self._unwritten = unwritten
        self._rules = IgnoreRules()
        self._ignore_file = ignorefile.IgnoreFile()
        self._verdicts: dict[str, Verdict] = {}
        self._cache = StatCache(str(self.root))
        self._inside: dict[str, set[str]] = {}
        self._folders: dict[str, Folder] = {}
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
        ignore_file = ignorefile.read(self.root, self.dockerfile, self._unwritten)
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
        self._inside = _grouped(walk.directories)
        skipped = tuple(sorted(walk.skipped))
        last = self._last
        folders = self._folders
        if last is None or last.entries != walk.entries:
            folders = folders_of(walk.entries)
        same_paths = last is not None and last.entries.keys() == walk.entries.keys()
        told = last.notices if last and same_rules and same_paths else None
        return self._taken(dict(sorted(walk.entries.items())), folders, aside, skipped, told)

    def scan_near(self, directories: Iterable[str], stop: threading.Event | None = None) -> Snapshot | None:
        """What `scan` would give if nothing changed since the last one but what lies right in these
        directories, or None where more may have: folders that came, went or changed, other rules, anything
        that `scan` would raise.

        Takes time for what lies there and not for the whole context.
        """
        stop = stop or threading.Event()
        last = self._last
        try:
            same_rules = ignorefile.read(self.root, self.dockerfile, self._unwritten) == self._ignore_file
        except ContextError:
            return None
        if last is None or not same_rules:
            return None
        self._cache.begin()
        walk = Walk(str(self.root), self._rules, self._cache, self._verdicts, stop)
        folders = dict(self._folders)
        for directory in directories:
            try:
                found = self._found_in(directory, walk, last)
            except ContextError:
                found = None
            if found is None:
                return None
            folders.pop(directory, None)
            if found.entries:
                folders[directory] = found
        entries = exchanged(last.entries, self._folders, folders)
        aside = self._dockerfile_aside(entries, stop)
        skipped = (skip for skip in last.skipped if parent(skip[0]) not in walk.directories)
        self._cache.keep()
        self._verdicts.update(walk.verdicts)
        told = last.notices if last.entries.keys() == entries.keys() else None
        return self._taken(entries, folders, aside, tuple(sorted((*skipped, *walk.skipped))), told)

    def _found_in(self, directory: str, walk: Walk, last: Snapshot) -> Folder | None:
        """What lies right in a directory now; None where it is not the directory that it was."""
        verdict = self._verdicts.get(directory) if directory else ROOT
        known = self.directories.get(directory)
        if known is None or verdict is None or verdict.excluded:
            return None
        inside = walk.look_into(directory, verdict)
        if walk.directories.get(directory) != known or inside != self._inside.get(directory, set()):
            return None
        if directory and walk.entries[directory] != last.entries.get(directory):
            return None
        former = self._folders.get(directory)
        entries = {path: entry for path, entry in walk.entries.items() if path and parent(path) == directory}
        if former is not None:
            entries |= {path: entry for path, entry in former.entries.items() if entry.kind is Kind.DIRECTORY}
        return former if former and former.entries == entries else folder(entries)

    def _taken(
        self,
        entries: dict[str, Entry],
        folders: dict[str, Folder],
        aside: str,
        skipped: tuple[tuple[str, str], ...],
        told: tuple[str, ...] | None,
    ) -> Snapshot:
        """The snapshot of these entries, the last one itself where that is equal; `told` are its notices,
        where they are still the same."""
        last = self._last
        same = (self._folders, self._last_aside) == (folders, aside)
        if last and same and last.skipped == skipped and told == last.notices:
            return last
        if told is None:
            told = tuple(sorted({*notices(entries), self._ignore_file.notice} - {""}))
        self._folders, self._last_aside = folders, aside
        self._last = Snapshot(MappingProxyType(entries), digest_of(folders, aside), skipped, told)
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


def _grouped(directories: Iterable[str]) -> dict[str, set[str]]:
    grouped: dict[str, set[str]] = {}
    for path in directories:
        if path:
            grouped.setdefault(parent(path), set()).add(path)
    return grouped
