"""The plain output: prints what `plain.lines` says of each event, and signs of life while work goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TextIO

from devbox.events import AppExited, AppLog, BuildAdvice, Event, Problem, ReleaseFailed, ReleaseLog
from devbox.report.failure import problem_lines
from devbox.report.plain import lines, own
from devbox.report.pulse import Pulse
from devbox.report.sink import Sink
from devbox.report.text import clean

_REMEMBERED_LOG_LINES = 200


class Plain:
    """Prints the lines of each event at once, an application's line once, and signs of life on `tick`.

    Advice is printed for programs: where the stream is no terminal, or one of VS Code's own. A person is told
    by one line, and only of what has just cost time.
    """

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._out = Sink(stream)
        self._advises = not stream.isatty() or (environ or {}).get("TERM_PROGRAM") == "vscode"
        self._clock = clock
        self._pulse = Pulse()
        self._printed: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED_LOG_LINES)

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
        if isinstance(event, BuildAdvice) and not self._advises:
            return
        now = self._clock()
        pull = self._pulse.follow(event, now)
        said = [own(pull)] if pull else lines(self._without_repeats(event))
        self._print(said)
        if said and not isinstance(event, AppLog):
            self._pulse.said(now)

    def tick(self) -> None:
        """Says that long work still goes on, where nothing was said for ten seconds."""
        self._print(own(line) for line in self._pulse.due(self._clock()))

    def message(self, text: str) -> None:
        """Prints a line of devbox's own."""
        self._print([own(clean(text))])

    def last_word(self, text: str) -> None:
        """Prints a line of devbox's own."""
        self.message(text)

    async def ask(self, question: str, choices: Mapping[str, str]) -> str:
        """Nobody is there to answer."""
        del question, choices
        return ""

    def problems(self, problems: Iterable[Problem]) -> None:
        """Prints the places of a failure that no event tells."""
        self._print(problem_lines(problems))

    def _without_repeats(self, event: Event) -> Event:
        """An exit's log ends with lines that were already printed as they came."""
        match event:
            case AppLog() | ReleaseLog():
                self._printed.append((event.revision, event.line))
            case AppExited():
                return event.model_copy(update={"log": self._unprinted(event.revision, event.log)})
            case ReleaseFailed():
                rest = self._unprinted(event.revision, event.failure.log)
                return event.model_copy(update={"failure": event.failure.model_copy(update={"log": rest})})
            case _:
                pass
        return event

    def _unprinted(self, revision: int, log: Iterable[str]) -> tuple[str, ...]:
        return tuple(line for line in log if (revision, line) not in self._printed)

    def _print(self, said: Iterable[str]) -> None:
        self._out.write("".join(f"{line}\n" for line in said))
