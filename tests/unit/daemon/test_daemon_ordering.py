"""An order followed to its end, whatever else is asked for meanwhile."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import cast

import pytest

from devbox.daemon.api.client import Client
from devbox.daemon.api.models import Begun
from devbox.daemon.ordering import follow_order
from devbox.events import BuildStarted, BuildSuperseded, Event, ReleaseServed, ReleaseStarted, TimingsInfo
from devbox.report.printer import Plain


class Told:
    """A devbox that tells these events, and then goes on for ever."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    async def follow(self, after: int) -> AsyncIterator[Event]:
        del after
        for event in self._events:
            yield event
        await asyncio.Event().wait()


def superseded(build: int) -> BuildSuperseded:
    return BuildSuperseded(build=build, cause="asked for", seconds=1.0)


def again(revision: int) -> ReleaseStarted:
    return ReleaseStarted(revision=revision, strategy="rolling", reason="rollback asked for")


def served(revision: int) -> ReleaseServed:
    timings = TimingsInfo()
    return ReleaseServed(revision=revision, image="i", strategy="rolling", url="u", timings=timings)


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((superseded(4), again(2), served(2)), 1),
        ((superseded(4), BuildStarted(build=5, cause="main.py"), again(5), served(5)), 0),
        ((superseded(4), again(4), served(4)), 0),
        ((superseded(3), BuildStarted(build=4, cause="asked for"), again(4), served(4)), 0),
    ],
    ids=["a rollback", "a newer build", "the same revision", "an older build"],
)
async def test_what_takes_its_place_ends_it(events: tuple[Event, ...], code: int) -> None:
    client = cast("Client", Told(*events))
    async with asyncio.timeout(10):
        assert await follow_order(client, Begun(number=4, after=0), Plain(io.StringIO())) == code
