"""What advice is given about, and what it says: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devbox.build.dockerfile import BuildStep, Dockerfile


@dataclass(frozen=True, slots=True)
class Given:
    """One target of a Dockerfile, as `text` and as it was read, and what is known around it.

    `files` are those of the build context, without what is ignored; `ignores` says whether an ignore file
    holds any line. `listing` are those pyproject.toml that list all their dependencies themselves. `port` is
    what the command listens on, 0 where that is not known.
    """

    dockerfile: Dockerfile
    text: str
    build_args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    files: tuple[str, ...] = ()
    ignores: bool = True
    listing: frozenset[str] = frozenset()
    port: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """A step that runs again though nothing changed that it needs.

    `since` is the step that it comes after, the same where it reads the source itself; `needs` are the files
    of the context that rightly make it run again. Not `whole` where a part of its work would remain.
    """

    step: BuildStep
    since: BuildStep
    needs: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that could be better: `message` says what is so and what it costs, `hint` what to do.

    `file` is relative to the project's folder. `better` are whole lines that take the place of the lines
    `first` to `last` of the file `into`; where `last` is one less than `first` they go in before `first`.
    Without `better` the hint has to do.
    """

    rule: str
    file: str
    line: int
    message: str
    hint: str
    better: tuple[str, ...] = ()
    first: int = 0
    last: int = -1
    into: str = ""
    again: Again | None = None
