"""A whole build context that is copied with nothing left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from devbox.build.advice._place import Line, Place
from devbox.build.advice.values import Advice

NO_IGNORE_FILE = "CopyWithoutIgnoreFile"

_IGNORE_FILE = ".dockerignore"
_ALWAYS = (".git", "**/.venv", "**/__pycache__", ".env")
_WHERE_THERE = ("node_modules", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", "venv", ".hg")


def ignored(place: Place) -> Iterator[Advice]:
    """The first COPY of everything, where no ignore file leaves anything out."""
    if place.given.ignores:
        return
    for stage in place.closure:
        for step in place.steps[stage.index]:
            if step.instruction.keyword not in ("COPY", "ADD"):
                continue
            if not any(not source.pattern and not source.excludes for source in step.sources):
                continue
            found = place.advice(
                NO_IGNORE_FILE,
                step.instruction,
                f"{Line(step.instruction)} takes everything along, also .git, caches and virtual "
                "environments: each commit and each test run builds anew",
                f"write a {_IGNORE_FILE}",
            )
            yield replace(found, better=_lines(place), first=1, last=0, into=_IGNORE_FILE)
            return


def _lines(place: Place) -> tuple[str, ...]:
    folders = {part for path in place.given.files for part in path.split("/")[:-1]}
    return (*_ALWAYS, *(f"**/{name}" for name in _WHERE_THERE if name in folders))
