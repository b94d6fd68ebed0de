"""What the running application's container is asked with real shells, and what its answer leads to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.model import Cold
from devbox.release.standby import wire
from devbox.release.standby.command import LOOK, Launch, launch
from tests.unit.release.test_standby_hook import ALONE
from tests.unit.release.test_standby_wire import UVICORN, look

_SHELLS = [shell for shell in (("dash",), ("bash", "--posix"), ("busybox", "sh")) if shutil.which(shell[0])]


@pytest.mark.skipif(sys.platform != "linux", reason="it runs in Linux containers only")
@pytest.mark.parametrize("shell", _SHELLS, ids=" ".join)
def test_a_shell_tells_how_process_1_was_begun(shell: tuple[str, ...]) -> None:
    # The interpreter is process 1, and looks at itself with a shell.
    code = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    argv = (sys.executable, "-c", code, *shell, "-c", LOOK)
    environment = {"PATH": os.environ["PATH"], "A": "b=c\nd", "HOSTNAME": "mine"}
    done = subprocess.run((*ALONE, *argv), env=environment, cwd="/usr", capture_output=True, check=True)
    assert done.stderr == b""
    assert launch(done.stdout.decode(), argv) == Launch(argv, environment, "/usr", script=False)


@pytest.mark.parametrize(
    ("options", "ignores"),
    [
        (("-I",), True),
        (("-uE",), True),
        (("-W", "ignore", "-S"), True),
        (("-X", "dev", "-I"), True),
        (("--check-hash-based-pycs", "always", "-E"), True),
        (("-WI",), False),
        (("-XE",), False),
        (("-m", "I", "-I"), False),
        (("-cI", "-I"), False),
        (("-uc", "I", "-I"), False),
        (("-sPB",), False),
        (("--", "-I"), False),
        (("-", "-I"), False),
    ],
)
def test_options_end_where_the_program_is_named(options: tuple[str, ...], ignores: bool) -> None:
    argv = ("python", *options)
    found = launch(look(argv), argv)
    assert (found == Cold("its interpreter is told to ignore the environment")) is ignores
    assert isinstance(found, Launch) is not ignores


def test_an_entrypoint_that_changes_its_process_is_not_left_out() -> None:
    shell = ("/entrypoint.sh",)
    assert launch(look(UVICORN, changed="user umask "), shell) == Cold(
        "its entrypoint changes its user and umask"
    )
    # What the application does itself it will do again.
    assert isinstance(launch(look(UVICORN, changed="user"), UVICORN[1:]), Launch)


def test_a_hostname_of_the_user_s_own_stays() -> None:
    for name, kept in (("mine", {"HOSTNAME": "mine"}), ("abc", {})):
        found = launch(look(UVICORN, environ=(f"HOSTNAME={name}",)), UVICORN)
        assert isinstance(found, Launch)
        assert found.environment == kept


def test_what_is_hidden_or_no_text_is_no_empty_environment() -> None:
    assert launch(
        look(UVICORN, environ=()).replace("\0\n--devbox--\n/usr", "\n--devbox--\n/usr"), ()
    ) == Cold("its container cannot be looked into")
    assert launch(look(UVICORN, environ=("A=\ufffd",)), ()) == Cold(
        "its command line or environment is no text"
    )


@given(st.text())
def test_any_answer_is_understood_or_refused(text: str) -> None:
    assert launch(text, ()) == Cold("its container cannot be looked into")


_WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)


@given(st.dictionaries(_WORDS, _WORDS), st.none() | st.lists(_WORDS.filter(lambda word: ":" not in word)))
def test_the_module_path_comes_back_as_it_was(environment: dict[str, str], path: list[str] | None) -> None:
    own = environment if path is None else {**environment, "PYTHONPATH": ":".join(path)}
    assert wire.without_hook(wire.environment(own)) == own


@given(st.text())
def test_a_line_that_is_not_the_hook_s_is_nobody_s(text: str) -> None:
    assert wire.read(text) is None or text.startswith(wire.MARKER)
    assert wire.read(wire.MARKER + text) is None
