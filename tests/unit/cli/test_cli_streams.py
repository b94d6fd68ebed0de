"""What verbs print where standard streams are closed, full, or of a narrow encoding."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path

import pytest
import typer

from devbox.cli._base import run
from devbox.cli._reading import put_line
from devbox.daemon.lock import state_directory
from devbox.events import BuildStarted, SessionStarted
from devbox.report.journal import Journal


def devbox(words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Has a shell run `python -m devbox` with these words, and what they redirect."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m devbox {words}', sys.executable],
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("closed", [">&-", "<&-", "<&- >&-"])
def test_a_closed_stream_is_as_one_that_nobody_has(tmp_path: Path, closed: str) -> None:
    ended = devbox(f"up {tmp_path} {closed}", XDG_RUNTIME_DIR=str(tmp_path))
    assert (ended.returncode, "no engine answers" in ended.stderr) == (3, True), ended


def test_events_are_json_also_where_the_locale_has_no_such_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    journal = Journal(state_directory(tmp_path), lambda _: None)
    journal(SessionStarted(seq=1, project="größe", root="/", urls=(), engine="e", version="0"))
    journal.close()
    ended = devbox(f"events {tmp_path}", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended
    assert json.loads(ended.stdout)["project"] == "gr??e"


def test_a_full_disk_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    async def full() -> int:
        await asyncio.sleep(0)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def make() -> Coroutine[object, object, int]:
        return full()

    with pytest.raises(typer.Exit) as left:
        run(make)
    assert left.value.exit_code == 1
    assert capsys.readouterr().err == f"devbox: the output cannot be written: {os.strerror(errno.ENOSPC)}\n"


def test_a_number_that_no_revision_has_is_none_that_is_kept(tmp_path: Path) -> None:
    ended = devbox(f"rollback {10**12} {tmp_path}")
    assert (ended.returncode, "revision 1000000000000 is not kept" in ended.stderr) == (2, True), ended


def test_a_runtime_folder_that_is_a_file_ends_no_verb_in_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = devbox(f"status {tmp_path}", XDG_RUNTIME_DIR=str(tmp_path / "file"))
    assert ended.returncode
    assert ended.stderr.startswith("devbox: "), ended


def test_settings_are_shown_as_toml_writes_them(tmp_path: Path) -> None:
    (tmp_path / "devbox.toml").write_text('profiles = "one"\nenv_file = []\nhealth_path = "/health"\n')
    (tmp_path / "pyproject.toml").write_text("")
    lines = devbox(f"config {tmp_path}", XDG_RUNTIME_DIR=str(tmp_path)).stdout.splitlines()
    shown = {line.split()[0]: line.partition("  (")[0].split(maxsplit=1)[1] for line in lines}
    assert shown["health_path"] == '"/health"'
    assert shown["restart"] == '{ name = "no", retries = 0 }'
    assert shown["health"] == "-"
    assert shown["warm"] == "true"


def test_no_verb_of_the_overview_is_cut() -> None:
    shown = devbox("--help", COLUMNS="80").stdout.partition("Commands:\n")[2]
    assert "service" in shown
    assert "..." not in shown
    verbs = shown.splitlines()
    assert all(line[2] != " " and len(line) <= 80 for line in verbs), shown


@pytest.mark.parametrize(
    "words", ["--help", "up -h", "version", "completion bash", "events --schema", "config {}", "doctor {}"]
)
def test_whatever_prints_to_a_full_disk_ends_with_one_line_of_ours(tmp_path: Path, words: str) -> None:
    ended = devbox(f"{words.format(tmp_path)} > /dev/full", XDG_RUNTIME_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == f"devbox: the output cannot be written: {os.strerror(errno.ENOSPC)}\n"


def one_build(folder: Path) -> None:
    journal = Journal(state_directory(folder), lambda _: None)
    journal(SessionStarted(seq=1, project="shop", root="/", urls=(), engine="e", version="0"))
    journal(BuildStarted(seq=2, build=1, cause="first build"))
    journal.close()


def test_the_builds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one_build(tmp_path)
    for words in (f"history {tmp_path}", f"history --json {tmp_path}", f"history 1 {tmp_path}"):
        ended = devbox(f"{words} > /dev/full")
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended


def test_events_after_one_of_an_earlier_session_are_all_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one_build(tmp_path)
    counts = [len(devbox(f"events --after {n} {tmp_path}").stdout.splitlines()) for n in (0, 1, 2, 700)]
    assert counts == [2, 1, 0, 2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


HARMFUL = "\x1b[2J\x1b]0;title\x07\x1b]52;c;AAAA\x07\x1b[31mred\x1b[0m \x1b[?1049h\x9b2Jplain"


def test_a_terminal_gets_the_colours_of_a_line_and_nothing_that_harms_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    put_line(HARMFUL, err=False)
    assert shown.getvalue() == "\x1b[31mred\x1b[0m plain\x1b[0m\n"


def test_a_program_gets_a_line_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    put_line(HARMFUL, err=True)
    assert shown.getvalue() == f"{HARMFUL}\n"


def test_a_colour_ends_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    put_line("\x1b[31mred", err=False)
    assert shown.getvalue() == "\x1b[31mred\x1b[0m\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("up --workers x", "'--workers': it is no whole number"),
        ("up --stop-timeout 5x", "'--stop-timeout': it is no number"),
        ("up --debug-port 99999", "'--debug-port': it must be at most 65535"),
        ("logs --build 0", "'--build': it must be at least 1"),
        ("up --swap foo", "'--swap': 'foo' is not one of 'rolling', 'recreate'."),
    ],
)
def test_a_wrong_value_is_told_in_words_of_ours(words: str, told: str) -> None:
    ended = devbox(words)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (2, f"Error: Invalid value for {told}")
