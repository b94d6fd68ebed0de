"""How people and programs see the events: a live screen, plain lines, or JSON lines.

renderer(output, stream, environ) -> Renderer    chosen once, when a command starts
failure_lines(error) -> list[str]                an error as lines for standard error
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from devbox.errors import UsageError
from devbox.report.failure import failure_lines
from devbox.report.keys import Action

if TYPE_CHECKING:
    # Its models take longer to make than most verbs take to answer.
    from devbox.events import Event, Problem

__all__ = ["OUTPUTS", "Action", "Renderer", "can_be_live", "failure_lines", "renderer"]

OUTPUTS = ("live", "plain", "jsonl")


class Renderer(Protocol):
    """Shows events, called from one thread; entered before the first event, left on any way out.

    No call raises because the reader of the stream went away: it is remembered in `closed` and later calls do
    nothing.
    """

    @property
    def closed(self) -> bool: ...

    @property
    def full(self) -> bool:
        """Whether it was a full disk that no more could be written to."""

    @property
    def pace(self) -> float:
        """Seconds from one `tick` to the next."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Event) -> None:
        """Shows one event; quick."""

    def tick(self) -> None:
        """Moves what moves by itself."""

    def message(self, text: str) -> None:
        """Shows a sentence that is no event, such as "stopping … (Ctrl-C again to leave at once)"."""

    def last_word(self, text: str) -> None:
        """Shows a sentence that stays when the screen is left, which is to be soon."""

    async def ask(self, question: str, choices: Mapping[str, str]) -> str:
        """The key of one of `choices` (key -> what it does) that a person typed; '' where nobody did within
        30 seconds, or can, or Esc was typed."""

    def problems(self, problems: Iterable[Problem]) -> None:
        """Shows the places of a failure that keeps a session from beginning, where an editor may read."""


def renderer(
    output: str | None,
    stream: TextIO,
    environ: Mapping[str, str],
    act: Callable[[Action], None] | None = None,
) -> Renderer:
    """The renderer for `stream`: the one asked for, else live on a terminal that can show it, else plain.

    The live one gives each action that a key asks for to `act`, on the event loop that it is entered in.
    Raises UsageError for an unknown output.
    """
    if output is None:
        output = "live" if can_be_live(stream, environ) else "plain"
    # Imported here because rich takes its time, and programs that read lines should not wait for it.
    if output == "live":
        from devbox.report.live import Live

        return Live(stream, environ, act=act, keyboard=sys.stdin)
    if output == "plain":
        from devbox.report.printer import Plain

        return Plain(stream, environ=environ)
    if output == "jsonl":
        from devbox.report.jsonl import JsonLines

        return JsonLines(stream)
    if output == "background":
        from devbox.report.jsonl import ForWhoeverListens

        return ForWhoeverListens(stream)
    raise UsageError(
        f"there is no output called {output!r}", hint=f"choose one of {', '.join(OUTPUTS)} with --output"
    )


def can_be_live(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that can show colours and drawings."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "").replace("_", "")
    return stream.isatty() and environ.get("TERM", "") not in ("", "dumb") and encoding == "utf8"
