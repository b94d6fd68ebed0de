"""Rich texts as the escape sequences of one terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Literal

from rich.console import Console
from rich.text import Text

from devbox.report.backlog import Entry
from devbox.report.figures import DIM
from devbox.report.record import log_line, plain_log_line


class Ink:
    """Writes texts in the colours that a terminal is known to show."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system=colours(environ),
            no_color=False,
            legacy_windows=False,
            highlight=False,
            width=1000,
            height=100,
        )
        self._dim, self._plain = self._ansi([Text("·", style=DIM)]).removesuffix("\n").split("·")

    @property
    def coloured(self) -> bool:
        """Whether it writes any colour at all."""
        return self._console.color_system is not None

    def lines(self, texts: Sequence[Text]) -> tuple[str, ...]:
        """Each text with its escape sequences."""
        return tuple(self._ansi(texts).split("\n")[:-1])

    def log(self, entries: Sequence[Entry]) -> str:
        """The entries as lines with their ends, unwrapped: the terminal does that itself."""
        parts: list[str] = []
        for entry in entries:
            if isinstance(entry, Text):
                parts += self.lines([entry])
            elif plain := plain_log_line(entry):
                parts.append(f"{self._dim}{plain[0]}{self._plain}{plain[1]}")
            else:
                parts += self.lines([log_line(entry)])
        return "".join(f"{part}\r\n" for part in parts)

    def _ansi(self, texts: Sequence[Text]) -> str:
        if not texts:
            return ""
        with self._console.capture() as captured:
            self._console.print(Text("\n").join(texts), soft_wrap=True)
        return captured.get()


def colours(environ: Mapping[str, str]) -> Literal["standard", "256", "truecolor"] | None:
    """The colours a terminal is known to show; None where NO_COLOR asks for none (https://no-color.org)."""
    if environ.get("NO_COLOR"):
        return None
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if environ.get("TERM", "").endswith("256color") else "standard"
