"""What journals say of projects and revisions, read without the events' models: making those takes longer
than somebody who pressed Tab should wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILES = ("journal.jsonl", "journal.jsonl.1")
_PROJECTS = 50
_REVISIONS = 50


@dataclass(frozen=True, slots=True)
class KnownProject:
    """A project that devbox has run; `root` is the folder it was in."""

    name: str
    root: str


@dataclass(frozen=True, slots=True)
class KnownRevision:
    """A revision that has served; `at` is in seconds since the epoch."""

    number: int
    at: float
    strategy: str


def known_projects(base: Path) -> list[KnownProject]:
    """The projects with a journal below `base`, the folder of all of them, the latest first, 50 at most;
    never raises OSError."""
    try:
        folders = sorted(base.iterdir(), key=_written, reverse=True)[:_PROJECTS]
    except OSError:
        return []
    return [project for folder in folders if (project := known_project(folder))]


def known_project(folder: Path) -> KnownProject | None:
    """The project whose journal is in `folder`, as its latest session told; None where none did. Never raises
    OSError."""
    begun = next(_latest(folder, "session.started"), None)
    return KnownProject(str(begun.get("project")), str(begun.get("root"))) if begun else None


def served_revisions(folder: Path) -> list[KnownRevision]:
    """The revisions that the journal in `folder` saw serving, the latest first, each once, 50 at most; never
    raises OSError."""
    found: dict[int, KnownRevision] = {}
    for event in _latest(folder, "release.served"):
        match event:
            case {"revision": int(number), "at": float() | int() as at, "strategy": str(strategy)}:
                found.setdefault(number, KnownRevision(number, at, strategy))
        if len(found) == _REVISIONS:
            break
    return list(found.values())


def _latest(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The events of a kind, the latest first; torn lines are passed over."""
    mark = f'"kind":"{kind}"'.encode()
    for name in _FILES:
        try:
            lines = (folder / name).read_bytes().splitlines()
        except OSError:
            continue
        for line in reversed(lines):
            if mark in line:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict) and event.get("kind") == kind:
                    yield event


def _written(folder: Path) -> float:
    try:
        return (folder / _FILES[0]).stat().st_mtime
    except OSError:
        return 0.0
