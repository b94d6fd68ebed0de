"""How much of a log is wanted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a log: of those lines that were written `since` so many seconds after the epoch the last
    `tail`, and with `follow` what is still to come."""

    follow: bool = False
    tail: int | None = None
    since: float = 0.0
