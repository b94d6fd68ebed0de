"""The events of a session for those who come later: a bounded past, and what happens from now on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from heapq import merge

from devbox.events import AppLog, BuildLog, Event, SessionStarted

_EVENTS = 4096
_LINES = 1024
_BEHIND = 4096


class Hub:
    """Keeps the newest events, at most 4,096 and 1,024 lines of logs, and hands new ones to every follower.

    A follower that falls 4,096 events behind is let go: it may come again, for what is kept by then.
    """

    def __init__(self) -> None:
        self._started: Event | None = None
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._lines: deque[Event] = deque(maxlen=_LINES)
        self._followers: set[asyncio.Queue[Event | None]] = set()
        self._closed = False
        self.last = 0

    def __call__(self, event: Event) -> None:
        """Takes a stamped event."""
        self.last = event.seq
        if isinstance(event, SessionStarted):
            self._started = event
        elif isinstance(event, AppLog | BuildLog):
            # What an application prints must not push out what happened.
            self._lines.append(event)
        else:
            self._events.append(event)
        for queue in tuple(self._followers):
            if queue.qsize() >= _BEHIND:
                self._let_go(queue)
            else:
                queue.put_nowait(event)

    def kept(self, after: int = 0) -> Iterator[Event]:
        """The kept events with a higher `seq`, in order; the session's first one is always kept."""
        if self._started is not None and self._started.seq > after:
            yield self._started
        for event in merge(tuple(self._events), tuple(self._lines), key=lambda event: event.seq):
            if event.seq > after:
                yield event

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """The kept events with a higher `seq`, then each new one; ends with the session, or where the reader
        is too far behind."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
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

    def _let_go(self, queue: asyncio.Queue[Event | None]) -> None:
        self._followers.discard(queue)
        # It would hold on to all of them for as long as its reader reads nothing.
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
