"""Where an exception belongs, told by what Python and the servers print of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.release.traceback import culprits, last_message, read_tracebacks


def own(path: str) -> str | None:
    return path.removeprefix("/code/") if path.startswith("/code/") else None


def found(text: str) -> list[tuple[str, int, str]]:
    return [(hit.place, hit.frame.line, hit.message) for hit in culprits(text.splitlines(), own)]


HEADER = "Traceback (most recent call last):\n"
CHAIN = """\
Traceback (most recent call last):
  File "/code/app/store.py", line 6, in load
    return {}["tea"]
           ~~^^^^^^^
KeyError: 'tea'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/code/app/main.py", line 11, in lifespan
    app.state.items = load()
  File "/usr/lib/python3/dist-packages/lib.py", line 2, in wrap
    raise Wrapped from error
lib.Wrapped: no
"""
GROUP = """\
ERROR:    Exception in ASGI application
  + Exception Group Traceback (most recent call last):
  |   File "/code/app/main.py", line 3, in middleware
  |     await call_next(request)
  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/code/app/a.py", line 1, in one
    |     one()
    | ValueError: first
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/code/app/b.py", line 2, in two
    |     two()
    | app.errors.Odd: second
    +------------------------------------
"""


def test_of_a_chain_the_last_exception_with_a_frame_of_ones_own_counts() -> None:
    assert found(CHAIN) == [("app/main.py", 11, "lib.Wrapped: no")]
    assert found(CHAIN.replace("/code/app/main.py", "/usr/x.py")) == [("app/store.py", 6, "KeyError: 'tea'")]


def test_each_exception_that_a_group_holds() -> None:
    assert found(GROUP) == [("app/a.py", 1, "ValueError: first"), ("app/b.py", 2, "app.errors.Odd: second")]
    nobody = GROUP.replace("/code/app/a.py", "/x.py").replace("/code/app/b.py", "/y.py")
    assert found(nobody) == [
        ("app/main.py", 3, "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)")
    ]


def test_what_is_raised_again_after_a_group_is_told_once() -> None:
    again = (
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "/code/app/b.py", line 2, in two\n    two()\n'
        "app.errors.Odd: second\n"
    )
    assert found(GROUP + again)[-1] == ("app/b.py", 2, "app.errors.Odd: second")
    assert len(found(GROUP + again)) == 2


def test_the_last_report_of_a_log_counts() -> None:
    first = (
        'Traceback (most recent call last):\n  File "/code/a.py", line 1, in f\n    f()\nValueError: one\n'
    )
    last = (
        'Traceback (most recent call last):\n  File "/code/b.py", line 2, in g\n    g()\nTypeError: fatal\n'
    )
    assert found(f"{first}INFO: goes on\n{last}INFO: end\n") == [("b.py", 2, "TypeError: fatal")]
    foreign = last.replace("/code/", "/usr/")
    assert found(f"{first}INFO: goes on\n{foreign}") == [("a.py", 1, "ValueError: one")]
    assert last_message(f"{first}{foreign}".splitlines()) == "TypeError: fatal"


def test_a_traceback_without_its_beginning() -> None:
    assert found('    x()\n  File "/code/a.py", line 5, in f\n    f()\nValueError\n') == [
        ("a.py", 5, "ValueError")
    ]


def test_words_that_look_like_one() -> None:
    assert found('INFO: see File "/code/a.py", line 5\nValueError: no\n') == []
    assert found("  File without end\nValueError: no\n") == []


PROGRAMS = {
    "def f():\n    return 1 / 0\nf()\n": (2, 12, "ZeroDivisionError: division by zero"),
    "x = [\n    1,\n    len(3),\n]\n": (3, 5, "TypeError: object of type 'int' has no len()"),
    "if True:\n    def f(:\n        pass\n": (2, 11, "SyntaxError: invalid syntax"),
    "if True:\nx = 1\n": (
        2,
        1,
        "IndentationError: expected an indented block after 'if' statement on line 1",
    ),
    "x = 'abc\n": (1, 5, "SyntaxError: unterminated string literal (detected at line 1)"),
    "raise ValueError('a\\nb')\n": (1, 0, "ValueError: a"),
    "class Odd(Exception): pass\nraise Odd\n": (2, 0, "Odd"),
    "def f():\n    class Odd(Exception): pass\n    raise Odd('x')\nf()\n": (3, 0, "f.<locals>.Odd: x"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_this_very_interpreter_prints(tmp_path: Path, program: str) -> None:
    file = tmp_path / "main.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    hits = culprits(done.stderr.splitlines(), lambda path: "main.py" if path == str(file) else None)
    line, column, message = PROGRAMS[program]
    assert [
        (hit.frame.line, hit.frame.column(program), hit.message.removeprefix("__main__.")) for hit in hits
    ] == [(line, column, message)]


def test_a_file_that_was_changed_since_has_no_column() -> None:
    text = '  File "/code/a.py", line 1, in f\n    f(x)\n      ^\nNameError: x\n'
    frame = culprits(text.splitlines(), own)[0].frame
    assert frame.column("  f(x)\n") == 5
    assert frame.column("f(y)\n") == 0
    assert frame.column("") == 0
    assert frame.column(None) == 0


LINES = st.sampled_from([*CHAIN.splitlines(), *GROUP.splitlines(), "", "INFO: x", "  | ", "+-"]) | st.text(
    max_size=20
)


@given(st.lists(LINES, max_size=40))
def test_any_log_can_be_read(lines: list[str]) -> None:
    read_tracebacks(lines)
    for hit in culprits(lines, own):
        assert hit.frame.column("x\n" * 20) >= 0
        assert "\n" not in hit.message
