"""What came in about the disk and when it should be looked at, decided without touching the disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from devbox.watch.settle import Burst, joined, quiet_time
from devbox.watch.values import Hint

_ASIDE_GAP = 1.0
_BREATH = 0.3
_MOST_JUDGED = 200


class Inbox:
    """Collects hints until they are taken. One about nothing but ignored paths leads to a look too, but to at
    most one a second, and does not prolong the wait of others: a log that is written all the time must
    neither keep the processor busy nor a saved file waiting. Times are seconds on the monotonic clock."""

    def __init__(self, root: str, always: frozenset[str], ignores: Callable[[str], bool]) -> None:
        """`always` are absolute paths that matter wherever they are; `ignores` is asked about paths relative
        to `root`."""
        self._inside = root.rstrip("/") + "/"
        self._always = always
        self._ignores = ignores
        self._burst: Burst | None = None
        self._aside: Burst | None = None
        self._taken_at = -math.inf
        self._busy_since = self._last_hint = -math.inf

    def concerns(self, path: str) -> bool:
        """Whether an absolute path lies in the context or is among `always`; for any thread."""
        return path.startswith(self._inside) or path in self._always

    def events(self, at: float, paths: Iterable[str]) -> None:
        """Takes absolute paths as the operating system reports them; those that are neither in the context
        nor among `always` come only from directories shared with others, and count for nothing."""
        told = sorted(path for path in paths if self.concerns(path))
        if not told:
            return
        names = tuple(path.removeprefix(self._inside) for path in told)
        aside = len(told) <= _MOST_JUDGED and not any(
            path in self._always or not self._ignores(name) for path, name in zip(told, names, strict=True)
        )
        hint = Hint(at, names)
        if aside:
            self._aside = joined(self._aside, hint)
        else:
            self.add(hint)

    def add(self, hint: Hint) -> None:
        """Takes a hint that matters."""
        if hint.at - self._last_hint > _BREATH:
            self._busy_since = hint.at
        self._last_hint = hint.at
        self._burst = joined(self._burst, hint)

    def due_in(self, now: float) -> float:
        """Seconds until it should be looked, 0 for at once, infinity where nothing came."""
        return min(
            _quiet_in(self._burst, now, self._busy_since),
            max(_quiet_in(self._aside, now), self._taken_at + _ASIDE_GAP - now),
        )

    def take(self, now: float) -> Burst | None:
        """Everything that came, once; None where nothing did."""
        burst = self._burst or self._aside
        self._burst = self._aside = None
        self._taken_at = now
        return burst


def _quiet_in(burst: Burst | None, now: float, busy_since: float | None = None) -> float:
    if burst is None:
        return math.inf
    return quiet_time(burst.first_seen, burst.last_seen, now, burst.count, busy_since)
