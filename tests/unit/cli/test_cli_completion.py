"""What is offered at Tab, without a shell; tests/e2e presses it in real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from devbox.cli import _completion
from devbox.cli._base import ProjectPath, complete_revisions
from devbox.cli._completion import print_offers
from devbox.daemon.lock import state_directory
from devbox.events import ReleaseServed, SessionStarted, TimingsInfo
from devbox.report.journal import Journal


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that devbox has run, with revisions 1, 2 and 12."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "known"
    root.mkdir()
    journal = Journal(state_directory(root), lambda problem: None)
    journal(SessionStarted(project="shop", root=str(root), urls=(), engine="Docker", version="1"))
    for number in (1, 2, 12):
        journal(
            ReleaseServed(revision=number, image="i", strategy="warm", url="u", timings=TimingsInfo(), at=1e9)
        )
    journal.close()
    return root


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, list[str]]:
    """The kind, and the values without what they mean."""
    print_offers(list(words))
    kind, *lines = capsys.readouterr().out.splitlines()
    return kind, [line.split("\t")[0] for line in lines]


def test_verbs_options_and_choices_are_words(capsys: pytest.CaptureFixture[str], known: Path) -> None:
    assert offered(capsys, "expl") == ("words", ["explain"])
    assert offered(capsys, "service", "un") == ("words", ["uninstall"])
    assert offered(capsys, "up", ".", "--dockerf") == ("words", ["--dockerfile"])
    assert offered(capsys, "up", "--output", "p") == ("words", ["plain"])
    # As bash hands over --output=p.
    assert offered(capsys, "up", "--output", "=", "p") == ("words", ["plain"])
    assert "--background" not in offered(capsys, "up", "--")[1]
    assert set(offered(capsys)[1]) >= {"up", "down", "service"}


def test_a_project_is_a_known_one_or_any_folder(capsys: pytest.CaptureFixture[str], known: Path) -> None:
    assert offered(capsys, "up", "") == ("folders", [str(known)])
    assert offered(capsys, "service", "status", str(known)[:-2]) == ("folders", [str(known)])
    assert offered(capsys, "up", "kn") == ("folders", [])
    known.rmdir()
    assert offered(capsys, "up", "") == ("folders", [])


def test_where_nothing_is_known_the_shell_offers_files(
    capsys: pytest.CaptureFixture[str], known: Path
) -> None:
    assert offered(capsys, "up", "--env-file", "") == ("files", [])


def test_revisions_are_those_that_have_served(known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = typer.Typer(add_completion=False)

    @small.command()
    def back(
        revision: Annotated[int, typer.Argument(autocompletion=complete_revisions)],
        path: ProjectPath = Path(),
    ) -> None:
        pass

    def found(incomplete: str, *arguments: str) -> list[str]:
        command = typer.main.get_command(small)
        context: Any = command.make_context("back", list(arguments), resilient_parsing=True)
        return [value for value, _ in complete_revisions(context, incomplete)]

    monkeypatch.chdir(known)
    assert found("") == ["12", "2", "1"]
    assert found("1") == ["12", "1"]
    monkeypatch.chdir(known.parent)
    assert found("") == []
    assert found("", "1", str(known)) == ["12", "2", "1"]


@pytest.mark.parametrize(
    ("typed", "word"),
    [("plain", "plain"), (r"a\ b", "a b"), ("'a b", "a b"), ('"a b', "a b"), ("a\\", "a"), ("", "")],
)
def test_words_lose_their_quotes(typed: str, word: str) -> None:
    assert _completion._unquoted(typed) == word


def asked(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys\nfrom devbox.cli import main\nmain()\nprint(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "_DEVBOX_COMPLETE": "bash", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.parametrize("words", [("up", "--o"), ("up", ""), ("",)])
def test_tab_imports_nothing_heavy(known: Path, words: tuple[str, ...]) -> None:
    imported = set(asked(*words).stderr.split())
    assert "devbox.cli" in imported
    assert imported.isdisjoint(
        {"asyncio", "docker", "rich", "uvloop", "watchfiles", "devbox.events", "devbox.config"}
    )


def test_a_project_on_a_disk_that_hangs_is_given_up(tmp_path: Path) -> None:
    folder = tmp_path / "devbox/0123456789abcdef"
    folder.mkdir(parents=True)
    # Opening a pipe waits until somebody writes to it.
    os.mkfifo(folder / "journal.jsonl")
    done = asked("up", "", XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_words_that_cannot_be_parsed_are_no_failure() -> None:
    assert asked("nonsense", "--what", "x").returncode == 0
    assert "Traceback" not in asked("up", "--output").stderr
