"""A diagnosis as people read it."""

from __future__ import annotations

import io

import pytest

from devbox.doctor.finding import failure, ok, warning
from devbox.report.diagnosis import finding_lines, show_findings

FINDINGS = (
    ok("engine", "Docker Engine 28.5.2"),
    warning("secrets", ".env goes into the build", "add it to .dockerignore"),
    failure("ports", "taken by \x1b[31mnobody\nelse", "stop that"),
)
LINES = [
    "ok       engine: Docker Engine 28.5.2",
    "warning  secrets: .env goes into the build",
    "         next: add it to .dockerignore",
    "failure  ports: taken by nobody else",
    "         next: stop that",
]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_finding_is_a_line_with_its_next_step_below() -> None:
    assert [line for finding in FINDINGS for line in finding_lines(finding)] == LINES


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_plain_where_no_colour_is_wanted_or_possible(environ: dict[str, str]) -> None:
    stream = _Terminal() if environ else io.StringIO()
    show_findings(FINDINGS, stream, environ)
    assert stream.getvalue().splitlines() == LINES


def test_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = _Terminal()
    show_findings(FINDINGS, stream, {"TERM": "xterm-256color"})
    assert "\x1b[32mok\x1b[0m       \x1b[1mengine\x1b[0m: Docker Engine 28.5.2" in stream.getvalue()
    assert "\x1b[1;31mfailure" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == len(LINES)
