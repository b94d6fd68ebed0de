from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios

import pytest

from tests.unit.report.ptys import (
    ALONE,
    BEGINS_AN_UPDATE,
    BY_HAND,
    ROOT,
    WITH_KEYS,
    Screen,
    drained,
    on_a_terminal,
    quiet,
    resize,
    until,
)


@pytest.mark.parametrize(
    ("then", "keys"),
    [("pass", b"\x03"), ("raise RuntimeError('a bug')", b""), ("sys.exit(3)", b""), ("break", b"")],
)
def test_the_terminal_is_put_back_whatever_ends_the_program(then: str, keys: bytes) -> None:
    with on_a_terminal(BY_HAND, then) as (process, master, slave):
        screen = Screen(master)
        if keys:
            until(lambda: quiet(slave))
            screen.shows("RUN pip install")
            os.write(master, keys)
        # Read meanwhile: into a terminal that is full its last words would not go.
        screen.until_ended(process)
        assert not quiet(slave)
    written = screen.everything
    assert "\x1b[?25h" in written
    assert "\x1b[?25l" not in written.rpartition("\x1b[?25h")[2]


def test_suspending_puts_the_terminal_back_and_continuing_makes_it_quiet_again() -> None:
    with on_a_terminal(BY_HAND) as (_, master, slave):
        until(lambda: quiet(slave))
        until(lambda: "RUN pip install" in drained(master))
        os.write(master, b"\x1a")
        until(lambda: not quiet(slave))
        os.killpg(os.tcgetpgrp(master), signal.SIGCONT)
        until(lambda: quiet(slave))
        until(lambda: "RUN pip install" in drained(master))


def test_where_no_shell_could_go_on_with_it_suspending_changes_nothing() -> None:
    with on_a_terminal(BY_HAND, shell=ALONE) as (_, master, slave):
        until(lambda: "RUN pip install" in drained(master))
        os.write(master, b"\x1a")
        written = ""

        def several_updates_later() -> bool:
            nonlocal written
            written += drained(master)
            return written.count(BEGINS_AN_UPDATE) > 3

        until(several_updates_later)
        assert quiet(slave)
    assert "\x1b[?25h" not in written


def test_typed_keys_do_not_show() -> None:
    with on_a_terminal(BY_HAND) as (_, master, slave):
        until(lambda: quiet(slave))
        os.write(master, b"typed\n\n")
        written: list[str] = []

        def several_updates_later() -> bool:
            written.append(drained(master))
            return "".join(written).count(BEGINS_AN_UPDATE) >= 5

        until(several_updates_later)
        assert "typed" not in "".join(written)


ENDINGS = {
    "answered": "pass",
    "an exception": "raise RuntimeError('a bug')",
    "sys.exit": "sys.exit(3)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGHUP": "os.kill(os.getpid(), signal.SIGHUP)",
    "SIGQUIT": "os.kill(os.getpid(), signal.SIGQUIT)",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT)",
    "left at once": "restore_terminals(); os._exit(130)",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_settings_are_the_same_before_and_after_any_end(ending: str) -> None:
    with on_a_terminal(WITH_KEYS, f"await asyncio.sleep(0.3); {ENDINGS[ending]}") as (process, master, slave):
        before = termios.tcgetattr(slave)
        screen = Screen(master)
        screen.shows("keys")
        assert termios.tcgetattr(slave) != before
        if ending == "answered":
            os.write(master, b"q")
            screen.shows("the application runs")
            os.write(master, b"s")
        screen.until_ended(process)
        assert termios.tcgetattr(slave) == before
    for mode in ("25", "7", "2004"):
        on, off = f"\x1b[?{mode}h", f"\x1b[?{mode}l"
        entered, left = (on, off) if mode == "2004" else (off, on)
        assert screen.written.rindex(left) > screen.written.rfind(entered)


def test_a_terminal_that_nobody_reads_keeps_no_end_waiting() -> None:
    with on_a_terminal(WITH_KEYS, "[show.message(str(number)) for number in range(10 ** 9)]") as (
        process,
        master,
        slave,
    ):
        before = termios.tcgetattr(slave)
        until(lambda: quiet(slave))
        until(lambda: not select.select((), (slave,), (), 0)[1])
        os.kill(os.tcgetpgrp(master), signal.SIGTERM)
        process.wait(20)
        assert termios.tcgetattr(slave) == before


def test_keys_act_and_what_is_no_key_does_not() -> None:
    with on_a_terminal(WITH_KEYS) as (_, master, slave):
        screen = Screen(master)
        screen.shows("keys")
        assert not termios.tcgetattr(slave)[3] & termios.ICANON
        assert termios.tcgetattr(slave)[3] & termios.ISIG
        # arrows, a function key, a paste, a letter without a meaning
        os.write(master, b"\x1b[A\x1bOB\x1b[15~\x1b[200~robbed\x1b[201~xr")
        screen.shows("did rebuild")
        assert "did" not in screen.written
        os.write(master, b"b")
        screen.shows("did rollback")
        os.write(master, b"l")
        screen.shows("log: more")
        os.write(master, b"?")
        screen.shows("open the address in a browser")


def test_a_question_is_answered_by_its_keys_only() -> None:
    with on_a_terminal(WITH_KEYS) as (process, master, slave):
        screen = Screen(master)
        screen.shows("keys")
        os.write(master, b"q")
        screen.shows("the application runs")
        os.write(master, b"xr\x1b[A\x1b")
        screen.shows("answered ''")
        os.write(master, b"q")
        screen.shows("the application runs")
        os.write(master, b"d")
        screen.shows("answered 'd'")
        os.write(master, b"q")
        screen.shows("the application runs")
        os.write(master, b"s")
        assert screen.until_ended(process) == 0
        assert not quiet(slave)


def test_in_the_background_it_neither_stops_nor_reads() -> None:
    with on_a_terminal(WITH_KEYS) as (process, master, slave):
        screen = Screen(master)
        screen.shows("keys")
        child = os.tcgetpgrp(master)
        os.write(master, b"\x1a")
        until(lambda: not quiet(slave))
        # as the shell's bg: the terminal belongs to another group
        before = termios.tcgetattr(slave)
        os.kill(process.pid, signal.SIGUSR1)
        screen.shows("keys")
        os.write(master, b"r\n")
        resize(master, 100, 24)
        os.kill(child, signal.SIGWINCH)
        screen.shows("─" * 60)
        assert termios.tcgetattr(slave) == before
        # as its fg
        os.kill(process.pid, signal.SIGUSR2)
        until(lambda: quiet(slave))
        screen.shows("did rebuild")


def test_without_a_keyboard_there_are_no_keys() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        with on_a_terminal(WITH_KEYS, stdin=nothing) as (process, master, slave):
            screen = Screen(master)
            screen.shows("median")
            assert quiet(slave)
            assert termios.tcgetattr(slave)[3] & termios.ICANON
            os.write(master, b"\x03")
            screen.until_ended(process)
            assert "rebuild" not in screen.written
    finally:
        os.close(nothing)


def test_another_size_is_drawn_at_once() -> None:
    with on_a_terminal(WITH_KEYS) as (_, master, _slave):
        screen = Screen(master)
        screen.shows("keys")
        resize(master, 120, 24)
        screen.shows("─" * 70)


def test_these_tests_may_run_in_the_background_of_a_script() -> None:
    chosen = ("-p", "no:cacheprovider", "-k", "whatever_ends_the_program and pass", __file__)
    command = ("sh", "-c", 'trap "" INT QUIT; exec "$@"', "sh", sys.executable, "-m", "pytest", *chosen)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
