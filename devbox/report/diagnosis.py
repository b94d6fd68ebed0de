"""A diagnosis as lines: one for each finding, its next step below it; coloured on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TextIO

from devbox.doctor.finding import Finding, State
from devbox.report.sink import Page
from devbox.report.text import clean

_STYLES = {State.OK: "green", State.WARNING: "bold yellow", State.FAILURE: "bold red"}
_WIDTH = max(len(state) for state in State) + 2


def finding_lines(finding: Finding) -> list[str]:
    """The finding on one line, its next step indented on another; somebody else's text made safe."""
    told = f"{finding.state:{_WIDTH}}{finding.check}: {clean(_one_line(finding.text))}"
    step = f"{'':{_WIDTH}}next: {clean(_one_line(finding.next_step))}"
    return [told, step] if finding.next_step else [told]


def show_findings(findings: Iterable[Finding], stream: TextIO, environ: Mapping[str, str]) -> None:
    """Writes every finding; the states are coloured on a terminal, unless NO_COLOR is set."""
    if stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") not in ("", "dumb", None):
        _show_coloured(findings, stream)
        return
    sink = Page(stream)
    for finding in findings:
        for line in finding_lines(finding):
            sink.write_line(line)


def _show_coloured(findings: Iterable[Finding], stream: TextIO) -> None:
    # Imported here because rich takes its time, and whoever reads a pipe should not wait for it.
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, soft_wrap=True, highlight=False)
    for finding in findings:
        for number, line in enumerate(finding_lines(finding)):
            shown = Text(line)
            if number == 0:
                shown.stylize(_STYLES[finding.state], 0, len(finding.state))
                shown.stylize("bold", _WIDTH, _WIDTH + len(finding.check))
            console.print(shown)


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
