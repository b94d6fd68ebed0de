from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devbox.errors import UsageError
from devbox.events import from_json
from devbox.report import OUTPUTS, renderer
from devbox.report.jsonl import JsonLines
from devbox.report.live import Live
from devbox.report.printer import Plain
from tests.unit.report import sessions

ROOT = Path(__file__).resolve().parents[3]


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("output", "terminal", "environ", "kind"),
    [
        (None, Terminal(), {"TERM": "xterm"}, Live),
        (None, Terminal(), {"TERM": "dumb"}, Plain),
        (None, Terminal(), {}, Plain),
        (None, Terminal("ascii"), {"TERM": "xterm"}, Plain),
        (None, io.StringIO(), {"TERM": "xterm"}, Plain),
        ("live", io.StringIO(), {}, Live),
        ("plain", Terminal(), {"TERM": "xterm"}, Plain),
        ("jsonl", Terminal(), {"TERM": "xterm"}, JsonLines),
    ],
)
def test_the_renderer_is_chosen_by_the_stream_unless_one_is_asked_for(
    output: str | None, terminal: io.TextIOBase, environ: dict[str, str], kind: type[object]
) -> None:
    assert isinstance(terminal, io.StringIO | Terminal)
    assert type(renderer(output, terminal, environ)) is kind


def test_an_unknown_output_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'html'") as refused:
        renderer("html", io.StringIO(), {})
    assert "live, plain, jsonl" in refused.value.hint


@pytest.mark.parametrize("output", ["plain", "jsonl"])
def test_programs_do_not_wait_for_rich(output: str) -> None:
    program = f"""
import io, sys
from devbox.report import renderer
from tests.unit.report import sessions
with renderer({output!r}, io.StringIO(), {{}}) as show:
    for event in sessions.build_failed():
        show(event)
    show.tick()
sys.exit(any(name.split(".")[0] == "rich" for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60, cwd=ROOT).returncode == 0


def test_json_lines_are_the_events() -> None:
    stream = io.StringIO()
    events = sessions.stamped(sessions.build_failed())
    with renderer("jsonl", stream, {}) as show:
        for number, event in enumerate(events, 1):
            show(event)
            assert stream.getvalue().count("\n") == number
        show.tick()
        show.message("stopping …")
        show.last_word("it goes on")
    lines = stream.getvalue().splitlines()
    assert [from_json(line) for line in lines] == events
    assert list(json.loads(lines[0]))[:4] == ["v", "seq", "at", "kind"]


class Broken(io.StringIO):
    """A stream whose reader is gone, or that fails in another way a stream can."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str, /) -> int:
        raise self.error


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(5, "the terminal is gone"), ValueError("closed")]
)
def test_a_reader_that_went_away_is_remembered_and_not_raised(output: str, error: Exception) -> None:
    show = renderer(output, Broken(error), {"TERM": "xterm"})
    with show:
        for event in sessions.several_rounds():
            show(event)
        show.tick()
        show.message("still here")
        show.last_word("it goes on")
    assert show.closed


@pytest.mark.parametrize("output", ["plain", "jsonl"])
def test_a_reader_that_goes_away_is_missed_before_the_next_line(output: str) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        show = renderer(output, stream, {})
        show(sessions.started())
        assert not show.closed
        os.close(reading)
        assert show.closed
        assert not show.full


def test_a_full_disk_is_told_from_a_reader_that_went_away() -> None:
    show = renderer("plain", Broken(OSError(28, "no space")), {})
    show(sessions.started())
    assert (show.closed, show.full) == (True, True)


def test_a_stream_that_is_full_for_the_moment_is_not_given_up() -> None:
    show = renderer("plain", Broken(BlockingIOError()), {})
    show(sessions.started())
    assert not show.closed


def test_a_broken_pipe_is_no_complaint_at_the_end() -> None:
    program = """
import sys
from devbox.report import renderer
from tests.unit.report import sessions
with renderer(None, sys.stdout, {}) as show:
    sys.stdin.read()
    for event in sessions.several_rounds() * 50:
        show(event)
"""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    os.close(writing)
    os.close(reading)
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, b"")


def test_what_an_encoding_lacks_keeps_its_place() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show = renderer("plain", stream, {})
    show.message("stopping …")
    stream.seek(0)
    assert stream.read() == "devbox: stopping ?\n"
