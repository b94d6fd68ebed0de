"""The commands of a RUN, as far as they can be told without a shell."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from devbox.build.dockerfile import Instruction

_ENDS = frozenset("&|;()")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_PREFIXES = frozenset({"sudo", "exec", "time", "env", "command", "then", "do", "else", "!", "{"})
_PYTHON = re.compile(r"python[\d.]*")
_PIP = re.compile(r"pip[\d.]*")
_CONTINUED = re.compile(r"\\\r?\n")

Command = tuple[str, ...]


def script(instruction: Instruction) -> str:
    """What a RUN gives to its shell, its here-documents with it; '' in the exec form."""
    if instruction.json:
        return ""
    return "\n".join((*instruction.arguments, *(document.content for document in instruction.heredocs)))


def commands(instruction: Instruction) -> tuple[Command, ...]:
    """The simple commands of a RUN: their words, without assignments and `sudo` before them, programs
    without their folders, `python -m pip` as `pip`."""
    if instruction.json:
        return tuple(filter(None, (_plain(instruction.arguments),)))
    return tuple(filter(None, (_plain(tuple(words)) for words in _split(script(instruction)))))


def _split(text: str) -> Iterator[list[str]]:
    for line in _CONTINUED.sub(" ", text).split("\n"):
        words: list[str] = []
        for word in _words(line):
            if word and set(word) <= _ENDS:
                yield words
                words = []
            else:
                words.append(word)
        yield words


def _words(line: str) -> list[str]:
    reader = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
    reader.whitespace_split = True
    reader.commenters = "#" if line.lstrip().startswith("#") else ""
    try:
        return list(reader)
    except ValueError:
        # Quotes that end on another line.
        return re.findall(r"[;&|()]+|[^\s;&|()]+", line)


def _plain(words: Command) -> Command:
    start = 0
    while start < len(words) and (words[start] in _PREFIXES or _ASSIGNED.match(words[start])):
        start += 1
    if start == len(words):
        return ()
    program, *rest = posixpath.basename(words[start]) or words[start], *words[start + 1 :]
    if _PYTHON.fullmatch(program) and rest[:2] == ["-m", "pip"]:
        return ("pip", *rest[2:])
    return ("pip" if _PIP.fullmatch(program) else program, *rest)


def verb(command: Command) -> str:
    """The first word behind the program that is no option."""
    return next((word for word in command[1:] if not word.startswith("-")), "")


def installs_packages(command: Command) -> bool:
    """Whether it installs packages of the system."""
    return command[0] in ("apt-get", "apt", "aptitude") and verb(command) == "install"


def installer(command: Command) -> str:
    """The installer of Python packages that a command is: "pip", "uv" or "poetry"; '' for any other."""
    if command[0] == "pip" and "install" in command[1:]:
        return "pip"
    if command[0] == "uv":
        words = [word for word in command[1:] if not word.startswith("-")]
        return "uv" if words[:1] == ["sync"] or words[:2] in (["pip", "install"], ["pip", "sync"]) else ""
    return "poetry" if command[0] == "poetry" and verb(command) == "install" else ""
