"""Tab in real shells."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devbox.events import SessionStarted
from devbox.report.journal import Journal
from scripts.programs import program
from tests.e2e.shells import Terminal

# What a shell is started with, and what it is told first.
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], "PS1='$ '; eval \"$(devbox completion bash)\"\n"),
    "zsh": (
        ["-f", "-i"],
        "PS1='$ '; autoload -Uz compinit; compinit -u; eval \"$(devbox completion zsh)\"\n",
    ),
    "fish": (["--no-config", "-i"], "devbox completion fish | source\n"),
}


@pytest.fixture(params=list(SHELLS))
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """A shell that has our completion, in a folder with `shop` and `a folder` in it; `/…/known` is a project
    that devbox has run."""
    programs, project = tmp_path / "bin", tmp_path / "home/known"
    programs.mkdir()
    devbox = programs / "devbox"
    devbox.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m devbox "$@"\n')
    devbox.chmod(0o755)
    for folder in (project, tmp_path / "work/shop", tmp_path / "work/a folder"):
        folder.mkdir(parents=True)
    journal = Journal(tmp_path / "state/devbox/0123456789abcdef", lambda problem: None)
    journal(SessionStarted(project="known", root=str(project), urls=(), engine="Docker", version="1"))
    journal.close()
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    flags, setup = SHELLS[request.param]
    with Terminal([str(program(request.param)), *flags], environment, tmp_path / "work") as shell:
        shell.type(f"{setup}echo re''ady\n")
        shell.until("ready")
        yield shell


def test_words_folders_and_projects_are_completed(terminal: Terminal, tmp_path: Path) -> None:
    for typed, completed in (
        ("expl", "devbox explain"),
        ("service unin", "devbox service uninstall"),
        ("up --detach --dockerf", "devbox up --detach --dockerfile"),
        ("up --output pl", "devbox up --output plain"),
        ("up sh", "devbox up shop/"),
        ("up a", "devbox up a\\ folder/"),
        (f"up {tmp_path}/home/kn", f"devbox up {tmp_path}/home/known"),
    ):
        terminal.type(f"devbox {typed}\t")
        terminal.until(completed)
        # Ctrl-E, Ctrl-U: an empty line again.
        terminal.type("\x05\x15")


def test_several_fit_and_all_are_shown(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("devbox up \t\t")
    for offered in ("a", "folder", "shop", "known"):
        terminal.until(offered)
