"""Events for programs: one JSON object a line, flushed at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self, TextIO

from devbox.events import Event, Problem, to_json
from devbox.report.sink import Sink


class JsonLines:
    """Writes every event as one line of JSON, the moment it comes, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._out = Sink(stream)

    @property
    def closed(self) -> bool:
        return self._out.closed

    @property
    def full(self) -> bool:
        return self._out.full

    @property
    def pace(self) -> float:
        return 1.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, event: Event) -> None:
        self._out.write_line(to_json(event))

    def tick(self) -> None:
        """Nothing moves between two events."""

    def message(self, text: str) -> None:
        """Says nothing: a program reads events only."""

    def last_word(self, text: str) -> None:
        """Says nothing: a program reads events only."""

    async def ask(self, question: str, choices: Mapping[str, str]) -> str:
        """Nobody is there to answer."""
        del question, choices
        return ""

    def problems(self, problems: Iterable[Problem]) -> None:
        """Says nothing: a program reads events only."""


class ForWhoeverListens(JsonLines):
    """The same, for a process that goes on when its reader has heard enough."""

    @property
    def closed(self) -> bool:
        return False
