"""A page of docs/guides read as what it tells a person to do, in its order.

A block below a line that is nothing but a name in backquotes is a file of that name, or, where the name is a
URL, what the URL answers. In a `console` block a line that begins with `$ ` is typed, and what follows it is
all that is printed, but for lines that say how long something has been taking. `…` stands for anything within
a line, alone on a line for any number of lines, and a duration (`0.14s`) for any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BLOCK = re.compile(
    r"(?:^`(?P<head>[^`\n]+)`\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ANY = "…"
_DURATION = re.compile(r"(?:\d+m )?\d+(?:\.\d+)?s\b")
_STILL = re.compile(r"devbox: .* still (?:running|starting), ")


@dataclass(frozen=True)
class File:
    """A file to save."""

    name: str
    text: str


@dataclass(frozen=True)
class Typed:
    """A command, and the lines that it prints."""

    command: str
    printed: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a URL answers."""

    url: str
    lines: tuple[str, ...]


Step = File | Typed | Answer


def read(page: str) -> tuple[Step, ...]:
    """Every step of the page."""
    return tuple(step for block in _BLOCK.finditer(page) for step in _steps(block))


def _steps(block: re.Match[str]) -> Iterator[Step]:
    head, kind, text = block["head"], block["kind"], block["text"]
    if kind == "console":
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, *printed = part.splitlines()
            yield Typed(command, tuple(printed))
    elif head and head.startswith("http"):
        yield Answer(head, tuple(text.splitlines()))
    elif head:
        yield File(head, text)


def base_images_of(steps: Sequence[Step]) -> set[str]:
    """The images that Dockerfiles and compose files of the page begin with."""
    texts = [step.text for step in steps if isinstance(step, File)]
    return {name for text in texts for name in re.findall(r"(?:FROM|image:) (\S+:\S+)", text)}


def fits(lines: Sequence[str], said: str) -> bool:
    """Whether `said` is what the page shows, up to what `…` and durations stand for."""
    pattern = "".join(r"(?:.*\n)*?" if line == _ANY else f"{_pattern(line)}\n" for line in lines)
    text = "".join(f"{line.rstrip()}\n" for line in said.splitlines() if not _STILL.match(line))
    return re.fullmatch(pattern, text) is not None


def _pattern(line: str) -> str:
    pieces = re.split(f"({_ANY}|{_DURATION.pattern})", line.rstrip())
    return "".join(
        ".*" if piece == _ANY else _DURATION.pattern if _DURATION.fullmatch(piece) else re.escape(piece)
        for piece in pieces
    )
