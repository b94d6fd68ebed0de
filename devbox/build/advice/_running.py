"""How the image is run: its command's form, its user, its port."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence

from devbox.build.advice._commands import commands, installer
from devbox.build.advice._images import is_bare
from devbox.build.advice._place import Place, is_trigger, shown
from devbox.build.advice.values import Advice
from devbox.build.dockerfile import Instruction

# The name that BuildKit's own build checks have for it.
SHELL_FORM = "JSONArgsRecommended"
ROOT = "RootUser"
NO_PORT = "MissingExpose"

_SHELL_SIGNS = re.compile(r"[$`*?\[\]{}~<>|&;()#!\\\n]")
_COMPOUND = re.compile(r"[|;\n`]|(?<!&)&(?!&)|\|\||<<|\bwait\b")
_EXECS = re.compile(r"(?:^|[\s;&])exec\s")
_ASSIGNS = re.compile(r"\s*\w+=")
_STEPS_DOWN = re.compile(r"\b(?:gosu|su-exec|setpriv|runuser|sudo|s6-\w+|supervisord|chpst)\b")
# What lies in root's home no other user can read.
_ROOTS_OWN = re.compile(r"/root/(?!\.cache\b)|(?:~|\$HOME|\$\{HOME\})/(?!\.cache\b)")
_HAS_PYTHON = re.compile(r"python|pypy")
# What makes environments, or looks for them, in the home of whoever calls it.
_AT_HOME = re.compile(r"(?:^|[\s/;&])(?:uv|poetry|pipenv|pdm|hatch|rye|pixi)\s")
_ROOT_NAMES = frozenset({"root", "0"})
_CHANGES_FILES = frozenset({"FROM", "RUN", "COPY", "ADD", "WORKDIR", "VOLUME", "SHELL", "USER"})


def running(place: Place) -> Iterator[Advice]:
    """What may be better in how the target's image is run."""
    yield from _shell_forms(place)
    yield from _root(place)
    yield from _port(place)


def _shell_forms(place: Place) -> Iterator[Advice]:
    """A shell in front of the application, which gets the signals in its stead. As BuildKit, not where SHELL
    says that a shell is meant; nor where the shell makes way by exec."""
    entrypoint, cmd = place.last("ENTRYPOINT"), place.last("CMD")
    shell = place.last("SHELL")
    counting = [entrypoint, cmd]
    if entrypoint is not None and (not entrypoint.json or (cmd and cmd.stage < entrypoint.stage)):
        # In shell form it is given no CMD, and a new one not that of its base.
        counting = [entrypoint]
    for found in counting:
        if found is None or found.json or not found.arguments or shell is not None:
            continue
        command = " ".join(found.arguments).strip()
        if not command or _EXECS.search(command):
            continue
        yield place.advice(
            SHELL_FORM,
            found,
            f"{shown(found)} runs below a shell, which does not pass on the signal to stop: each stop, and "
            "each swap, may wait until it is killed",
            f"write {found.keyword} in its JSON form",
            better=_exec_form(found.keyword, command),
        )


def _exec_form(keyword: str, command: str) -> tuple[str, ...] | None:
    if not _SHELL_SIGNS.search(command) and not _ASSIGNS.match(command):
        try:
            words = shlex.split(command)
        except ValueError:
            return None
        return (f"{keyword} {json.dumps(words, ensure_ascii=False)}",)
    if _COMPOUND.search(command):
        return None
    *before, last = command.split("&&")
    assigned = re.match(r"\s*((?:\w+=\S*\s+)*)", last)
    settings = f"env {assigned[1]}" if assigned and assigned[1] else ""
    rest = last[assigned.end() :] if assigned else last
    text = " && ".join((*(part.strip() for part in before), f"exec {settings}{rest.strip()}"))
    return (f"{keyword} {json.dumps(['sh', '-c', text], ensure_ascii=False)}",)


def _root(place: Place) -> Iterator[Advice]:
    user = place.last("USER")
    if user is None and not is_bare(place.base):
        return
    if user is not None and user.arguments[0].partition(":")[0] not in _ROOT_NAMES:
        return
    command = place.last("CMD", "ENTRYPOINT")
    every = [each for each, _ in place.instructions(place.chain)]
    if command is None or any(
        _STEPS_DOWN.search(each.text) for each in every if each.keyword in ("RUN", "CMD", "ENTRYPOINT")
    ):
        return
    own = place.target.instructions
    behind = max((each.line, each.end_line) for each in own if each.keyword in _CHANGES_FILES)
    movable = not any(_ROOTS_OWN.search(each.text) or is_trigger(each) for each in every)
    movable = movable and not _lives_in_a_home(place, command, every)
    yield place.advice(
        ROOT,
        user or command,
        "the application runs as root: whoever breaks into it may write to everything in the container and "
        "in its mounts",
        "give it a user of its own; folders that it writes to need that owner",
        better=("USER 1000:1000",) if movable else None,
        span=(behind[1] + 1, behind[1]),
    )


def _lives_in_a_home(place: Place, command: Instruction, every: Sequence[Instruction]) -> bool:
    """Whether the application, or the Python that runs it, lies in root's home, which no other user can
    read: there uv puts a Python of its own where the image has none, and pip what is installed --user."""
    runs = [each for each in every if each.keyword == "RUN"]
    parts = [part for run in runs for part in commands(run)]
    own_python = not _HAS_PYTHON.search(place.base) and any(part[0] == "uv" for part in parts)
    of_user = any(installer(part) == "pip" and "--user" in part for part in parts)
    return _AT_HOME.search(" ".join(command.arguments)) is not None or own_python or of_user


def _port(place: Place) -> Iterator[Advice]:
    command = place.last("CMD", "ENTRYPOINT")
    if command is None or not place.given.port or place.last("EXPOSE") or not is_bare(place.base):
        return
    yield place.advice(
        NO_PORT,
        command,
        f"the image does not say that it listens on port {place.given.port}: tools have to guess it from "
        "the command",
        f"write EXPOSE {place.given.port}",
        better=(f"EXPOSE {place.given.port}",),
        span=_before(place, command),
    )


def _before(place: Place, command: Instruction) -> tuple[int, int]:
    """Where a line goes in before an instruction, and before the comments that belong to it."""
    line = command.line
    while line > 1 and place.lines[line - 2].lstrip().startswith("#"):
        line -= 1
    return line, line - 1
