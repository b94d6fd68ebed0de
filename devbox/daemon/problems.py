"""Reading what it takes to say where a failure comes from."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

from devbox.config import Config
from devbox.daemon.blame import at_start, of_exit, of_log, problems
from devbox.daemon.places import Places
from devbox.daemon.work import Source
from devbox.errors import DevboxError
from devbox.events import Problem

_LARGEST = 4 * 1024 * 1024


async def problems_of(error: DevboxError, source: Source) -> tuple[Problem, ...]:
    """Where a round's failure comes from in the project that `source` was read from."""
    read = reader(source.config.root)
    return await asyncio.to_thread(lambda: problems(error, Places(source, read)))


async def problems_of_exit(what: str, log: tuple[str, ...], source: Source) -> tuple[Problem, ...]:
    """Where the end of what serves comes from."""
    read = reader(source.config.root)
    return await asyncio.to_thread(lambda: of_exit(what, log, Places(source, read)))


async def problems_of_log(log: tuple[str, ...], source: Source) -> tuple[Problem, ...]:
    """Where all exceptions come from that a log tells of."""
    read = reader(source.config.root)
    return await asyncio.to_thread(lambda: of_log(log, Places(source, read), every=True))


def problems_at_start(
    error: DevboxError, root: Path, config: Config | None, source: Source | None
) -> tuple[Problem, ...]:
    """Where what keeps a session from beginning comes from, as far as the project was read by then."""
    read = reader(root)
    return problems(error, Places(source, read)) if source is not None else at_start(error, config, read)


def reader(root: Path) -> Callable[[str], str | None]:
    """Gives the text of files below a folder, None for what is none, is large, or cannot be read."""
    known: dict[str, str | None] = {}

    def read(name: str) -> str | None:
        if name not in known:
            known[name] = _text(root / name)
        return known[name]

    return read


def _text(path: Path) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
                return None
            return file.read(_LARGEST).decode("utf-8", errors="replace")
    except OSError:
        return None
