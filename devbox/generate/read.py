"""Reading a project's folder as far as its Dockerfile depends on it."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from devbox.generate.dependencies import PIPFILE, PYPROJECT, REQUIREMENTS, included_files
from devbox.generate.modules import read_module
from devbox.generate.values import Folder, Module
from devbox.model import Entry, Kind

_NAMED = (
    *(PYPROJECT, "uv.lock", "poetry.lock", "pdm.lock", PIPFILE, "Pipfile.lock", *REQUIREMENTS),
    *(".python-version", "runtime.txt"),
)
_LARGEST_SOURCE = 1024 * 1024
_LARGEST_TEXT = 16 * 1024 * 1024
# Each takes some 3 ms, once; of a project with more files the ones nearest to its folder tell enough.
_MOST_SOURCES = 500
_NOT_OURS = frozenset({"site-packages", "node_modules", "__pycache__"})


class Reader:
    """Reads a folder again and again; what did not change is not read a second time.

    Not for two threads at once.
    """

    def __init__(self) -> None:
        self._modules: dict[str, tuple[Entry, Module]] = {}
        self._texts: dict[str, tuple[Entry, str]] = {}
        self._last = Folder()

    def read(self, root: Path, entries: Mapping[str, Entry]) -> Folder:
        """What matters of the files among `entries`, by paths relative to `root`; where that is equal to the
        last answer, that one itself. Blocks on the disk.

        What cannot be read is not there; one that vanishes meanwhile is found gone by the next look.
        """
        sources = sorted(filter(_is_source, _files(entries)), key=lambda path: (path.count("/"), path))
        sources = sources[:_MOST_SOURCES]
        modules = {path: self._module(root, path, entries[path]) for path in sources}
        self._modules = {path: (entries[path], module) for path, module in modules.items()}
        texts: dict[str, tuple[Entry, str]] = {}
        waiting = [name for name in _NAMED if name in entries]
        while waiting:
            name = waiting.pop()
            if name in entries and name not in texts and entries[name].kind is Kind.FILE:
                texts[name] = entries[name], self._text(root, name, entries[name])
                if name not in _NAMED or name in REQUIREMENTS:
                    waiting += included_files(texts[name][1], name)
        self._texts = texts
        folder = Folder(modules, {name: text for name, (_, text) in texts.items()})
        if folder != self._last:
            self._last = folder
        return self._last

    def _module(self, root: Path, path: str, entry: Entry) -> Module:
        known = self._modules.get(path)
        if known is not None and known[0] == entry and entry.digest:
            return known[1]
        return read_module(path, read_source(root / path))

    def _text(self, root: Path, name: str, entry: Entry) -> str:
        known = self._texts.get(name)
        if known is not None and known[0] == entry and entry.digest:
            return known[1]
        return _read(root / name, _LARGEST_TEXT)


def _files(entries: Mapping[str, Entry]) -> Iterable[str]:
    return (path for path, entry in entries.items() if entry.kind is Kind.FILE)


def _is_source(path: str) -> bool:
    if not path.endswith(".py"):
        return False
    *folders, _ = path.split("/")
    return not any(folder in _NOT_OURS or folder.startswith(".") for folder in folders)


def read_source(path: Path) -> str:
    """The text of a file, '' where it cannot be read or is larger than what anybody writes."""
    return _read(path, _LARGEST_SOURCE)


def _read(path: Path, most: int) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > most:
                return ""
            content = file.read(most)
            # As PowerShell writes it, and pip reads it.
            wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    except OSError:
        return ""
