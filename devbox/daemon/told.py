"""The events of a project, of whichever devbox runs or ran it last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from devbox.daemon.api.client import Client
from devbox.daemon.hub import within_session
from devbox.daemon.lock import holder, runtime_directory, state_directory
from devbox.errors import UsageError
from devbox.events import Event, from_json
from devbox.report.journal_reader import read_lines, unserved


async def told(root: Path, after: int, *, follow: bool) -> AsyncIterator[Event]:
    """The kept events with a higher `seq`, oldest first; with `follow` also each new one, until that devbox
    ends. All of them where the session has not come to `after`, which is then of an earlier one. Raises
    UsageError where none runs to follow, or none ever ran."""
    if holder(runtime_directory(root)) is not None:
        client = Client(root)
        last = (await client.status()).last
        after = within_session(after, last)
        if follow or last > after:
            async for event in client.follow(after):
                yield event
                if not follow and event.seq >= last:
                    return
        return
    if follow:
        raise UsageError("no devbox runs this project", hint="devbox up -d starts one in the background")
    lines = list(read_lines(state_directory(root)))
    if not lines:
        raise UsageError("no devbox ever ran this project", hint="devbox up -d starts one in the background")
    after = within_session(after, lines[-1].seq)
    for line in lines:
        if line.session == lines[-1].session and line.seq > after:
            with contextlib.suppress(ValueError):
                yield from_json(line.text)


async def never_served(place: Path) -> frozenset[int]:
    """The revisions of earlier sessions that never came to serve, as far as the journal tells."""
    return await asyncio.to_thread(unserved, state_directory(place))
