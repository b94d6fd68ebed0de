"""The manual is the program's own, and its examples are what the program takes."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer

from devbox.cli._base import app
from scripts.manual import MANUAL, Verb, manual, verbs


def test_the_manual_is_what_make_docs_writes() -> None:
    assert MANUAL.read_text() == manual(), "make docs writes it anew"


@pytest.mark.parametrize("verb", list(verbs()), ids=lambda verb: verb.words)
def test_a_verb_says_what_it_does_with_an_example_that_can_be_typed(verb: Verb) -> None:
    assert verb.text
    assert verb.examples
    for example in verb.examples:
        words = shlex.split(example)
        ends = [words.index(sign) for sign in ("|", "&&") if sign in words]
        words = words[: min(ends, default=None)]
        assert " ".join(words[: len(verb.words.split())]) == verb.words
        assert _called(words[1:]) == [verb.words]


@pytest.mark.parametrize("verb", list(verbs()), ids=lambda verb: verb.words)
def test_every_option_of_a_verb_says_what_it_is_for(verb: Verb) -> None:
    undocumented = [name for name, text in verb.parameters if not text and name.startswith("-")]
    assert undocumented == []


def _called(words: list[str]) -> list[str]:
    """The verbs that these words call, none of which does anything; raises where they cannot be parsed."""
    called: list[str] = []
    command: Any = typer.main.get_command(app)
    _disarm(command, "devbox", called)
    command.main(words, prog_name="devbox", standalone_mode=False)
    return called


def _disarm(command: Any, words: str, called: list[str]) -> None:
    for name, below in getattr(command, "commands", {}).items():
        _disarm(below, f"{words} {name}", called)
    if not hasattr(command, "commands"):
        command.callback = lambda **_: called.append(words)
