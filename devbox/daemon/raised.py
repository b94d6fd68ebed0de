"""Exceptions that a serving application writes to its log while it goes on, and where they come from."""

from __future__ import annotations

import asyncio

from devbox.daemon.problems import problems_of_log
from devbox.daemon.work import Source
from devbox.events import AppRaised, Emit
from devbox.release.traceback import begins_traceback

# A traceback is printed at once; the exceptions it was chained to, and others of the same moment, go with it.
_PRINTED_WITHIN = 0.3
_MOST_LINES = 2000


class Exceptions:
    """Tells of each exception that what serves writes where in the project it comes from.

    Of one that serves not yet nothing is told: should it fail, its failure says it.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._sources: dict[str, Source] = {}
        self._printed: dict[str, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def served_by(self, container: str, source: Source) -> None:
        """From now on exceptions of this container are told, built from `source`, and of no other."""
        self._sources = {container: source}

    def feed(self, container: str, revision: int, line: str) -> None:
        """Takes a line that a container wrote."""
        printed = self._printed.get(container)
        if printed is not None:
            if len(printed) < _MOST_LINES:
                printed.append(line)
        elif container in self._sources and begins_traceback(line):
            self._printed[container] = [line]
            task = asyncio.create_task(self._tell(container, revision, self._sources[container]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Tells nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, container: str, revision: int, source: Source) -> None:
        await asyncio.sleep(_PRINTED_WITHIN)
        found = await problems_of_log(tuple(self._printed.pop(container)), source)
        if found and container in self._sources:
            self._emit(AppRaised(revision=revision, problems=found))
