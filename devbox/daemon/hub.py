"""The events of a session for those who come later: a bounded past, and what happens from now on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from heapq import merge

from devbox.events import AppLog, BuildLog, Event, SessionStarted, to_json

_EVENTS = 4096
_LINES = 1024
_BEHIND = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as whoever asks gets it: `text` is its JSON, which takes a fifth of the memory."""

    seq: int
    kind: str
    text: str


class Hub:
    """Keeps the newest events, at most 4,096 and 1,024 lines of logs, and hands new ones to every follower.

    A follower that falls 4,096 events behind is let go: it may come again, for what is kept by then.
    """

    def __init__(self) -> None:
        self._started: Kept | None = None
        self._events: deque[Kept] = deque(maxlen=_EVENTS)
        self._lines: deque[Kept] = deque(maxlen=_LINES)
        self._followers: set[asyncio.Queue[Kept | None]] = set()
        self._closed = False
        self.last = 0

    def __call__(self, event: Event) -> None:
        """Takes a stamped event."""
        self.last = event.seq
        kept = Kept(event.seq, event.kind, to_json(event))
        if isinstance(event, SessionStarted):
            self._started = kept
        elif isinstance(event, AppLog | BuildLog):
            # What an application prints must not push out what happened.
            self._lines.append(kept)
        else:
            self._events.append(kept)
        for queue in tuple(self._followers):
            if queue.qsize() >= _BEHIND:
                self._let_go(queue)
            else:
                queue.put_nowait(kept)

    def kept(self, after: int = 0) -> Iterator[Kept]:
        """The kept events with a higher `seq`, in order; the session's first one is always kept. An `after`
        that this session has not come to is of an earlier one: then all of them."""
        after = within_session(after, self.last)
        if self._started is not None and self._started.seq > after:
            yield self._started
        for event in merge(tuple(self._events), tuple(self._lines), key=lambda event: event.seq):
            if event.seq > after:
                yield event

    async def follow(self, after: int = 0) -> AsyncIterator[Kept]:
        """The kept events with a higher `seq`, then each new one; ends with the session, or where the reader
        is too far behind."""
        queue: asyncio.Queue[Kept | None] = asyncio.Queue()
        # Nothing may pass between the two.
        past = tuple(self.kept(after))
        if not self._closed:
            self._followers.add(queue)
        try:
            for event in past:
                yield event
            while queue in self._followers or not queue.empty():
                new = await queue.get()
                if new is None:
                    return
                yield new
        finally:
            self._followers.discard(queue)

    def close(self) -> None:
        """No event comes any more: followers end once they have read what there is."""
        self._closed = True
        for queue in self._followers:
            queue.put_nowait(None)

    def _let_go(self, queue: asyncio.Queue[Kept | None]) -> None:
        self._followers.discard(queue)
        # It would hold on to all of them for as long as its reader reads nothing.
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


def within_session(after: int, last: int) -> int:
    """The `seq` after which events are asked for, 0 where a session that came to `last` has not come to it:
    `seq` begins anew with each session."""
    return after if after <= last else 0
