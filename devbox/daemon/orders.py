"""What people and programs may ask a running loop for, and how each is answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

from devbox.events import Failure


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Build what is on disk though nothing changed; answered with the build's number once it has begun."""

    no_cache: bool = False
    pull: bool = False


@dataclass(frozen=True, slots=True)
class Restart:
    """A new container of what serves; answered with its revision once that has begun."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """An older revision's image serves again, 0 for the one before; answered with its number once that has
    begun."""

    revision: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """Changes on disk lead to nothing, until `Resume`; answered with 0."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Changes on disk are built again; answered with 0."""


@dataclass(frozen=True, slots=True)
class Await:
    """Answered once what was on disk when this was asked, or something newer, serves, or cannot."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an `Await`: `serves` what was on disk as `revision`, or not, and the failure that says
    why."""

    serves: bool
    revision: int
    failure: Failure | None = None


Order: TypeAlias = Rebuild | Restart | Rollback | Pause | Resume | Await


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One order and where its answer goes: a number, an Outcome, or a DevboxError that refuses it."""

    order: Order
    answer: asyncio.Future[int | Outcome] = field(default_factory=asyncio.Future)

    def reply(self, answer: int | Outcome) -> None:
        """Answers, unless nobody waits for it any more."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def refuse(self, error: Exception) -> None:
        """Refuses, unless nobody waits for an answer any more."""
        if not self.answer.done():
            self.answer.set_exception(error)
