"""Where every event of a session passes: numbered, dated, handed on."""

from __future__ import annotations

import time

from devbox.events import Emit, Event


class Bus:
    """Stamps events with `seq` and `at` and hands each to every subscriber, in order, at once."""

    def __init__(self, *subscribers: Emit) -> None:
        self._subscribers = subscribers
        self._seq = 0

    def __call__(self, event: Event) -> None:
        self._seq += 1
        stamped = event.model_copy(update={"seq": self._seq, "at": time.time()})
        for subscriber in self._subscribers:
            subscriber(stamped)
