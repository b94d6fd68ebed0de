"""Exceptions of an application that goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devbox.build.dockerfile import parse
from devbox.config import load
from devbox.daemon import raised
from devbox.daemon.raised import Exceptions
from devbox.daemon.work import Source
from devbox.events import AppRaised, Problem
from devbox.model import Entry, Kind, Snapshot

from .kit import Said, until

TRACEBACK = (
    "ERROR:    Exception in ASGI application",
    "Traceback (most recent call last):",
    '  File "/code/main.py", line 2, in root',
    "    return {}[name]",
    "           ~~^^^^^^",
    "KeyError: 'tea'",
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(raised, "_PRINTED_WITHIN", 0.01)
    (tmp_path / "main.py").write_text("def root(name):\n    return {}[name]\n")
    text = "FROM x\nWORKDIR /code\nCOPY main.py .\n"
    snapshot = Snapshot({"main.py": Entry(Kind.FILE, 0o644, "1", 1)}, "1")
    return Source(load(tmp_path, {}, {}), snapshot, parse(text), text.encode(), "Dockerfile", "1", 0.0)


async def test_its_place_is_told_once_it_is_printed(source: Source) -> None:
    said = Said()
    exceptions = Exceptions(said)
    exceptions.served_by("c", source)
    for line in (*TRACEBACK, *TRACEBACK):
        exceptions.feed("c", 7, line)
    await until(lambda: said)
    problem = Problem(file="main.py", line=2, column=12, message="KeyError: 'tea'")
    assert said == [AppRaised(revision=7, problems=(problem,))]
    for line in TRACEBACK:
        exceptions.feed("c", 7, line)
    await until(lambda: len(said) == 2)
    await exceptions.close()


async def test_nothing_is_told_of_what_does_not_serve_or_is_not_the_projects(source: Source) -> None:
    said = Said()
    exceptions = Exceptions(said)
    exceptions.served_by("c", source)
    for line in TRACEBACK:
        exceptions.feed("other", 8, line)
        exceptions.feed("c", 7, line.replace("/code", "/usr"))
    await asyncio.sleep(0.1)
    for line in TRACEBACK:
        exceptions.feed("c", 7, line)
    exceptions.served_by("d", source)
    await asyncio.sleep(0.1)
    assert said == []
    await exceptions.close()
