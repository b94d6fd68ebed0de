"""What each rebuild is about: mostly saves that can go live warm, and what people do besides. Pure."""

from __future__ import annotations

from enum import Enum


class Change(Enum):
    """What makes the next rebuild necessary."""

    EDIT = "another text in a source file"
    MODULE = "a source file more, and one less"
    HURRIED = "a save while the last one is being built"
    PAUSED = "a save while watching is paused"
    REQUIREMENTS = "a comment in requirements.txt"
    DOCKERFILE = "an ENV in the Dockerfile"
    ASKED = "devbox rebuild"
    SYNTAX = "a source file that Python does not take"
    FAILING = "a RUN that fails"


class Aside(Enum):
    """What comes before it, and leads to no build."""

    ROLLBACK = "devbox rollback"
    RESTART = "devbox restart"


BROKEN = frozenset((Change.SYNTAX, Change.FAILING))
_COLD = (Change.DOCKERFILE, Change.ASKED, Change.REQUIREMENTS)


def change(number: int) -> Change:
    """Of rebuild `number`, which counts from 1."""
    if number % 15 == 14:
        return Change.FAILING if number % 4 == 3 else Change.SYNTAX
    if number % 10 == 7:
        return _COLD[number // 10 % len(_COLD)]
    if number % 25 == 5:
        return Change.PAUSED
    if number % 16 == 3:
        return Change.HURRIED
    return Change.MODULE if number % 8 == 6 else Change.EDIT


def aside(number: int) -> Aside | None:
    """What comes before rebuild `number`, None where it is nothing."""
    if number % 20 == 12:
        return Aside.ROLLBACK
    return Aside.RESTART if number % 20 == 17 else None
