"""What the contest needs from a contestant, and what contestants share."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from typing import Protocol

from bench.child import BenchError, Child
from bench.load import ask

POLL = 0.05


class NotHere(Exception):
    """The contestant's program is not on this machine; the message says which."""


class Contestant(Protocol):
    """One way to see an edit of an application served.

    `title` heads its row; `about` names versions, and is complete once `start` has returned.
    """

    title: str
    about: str

    async def start(self) -> str:
        """Serves the application and returns its URL, which answers and stays the same. Raises NotHere where
        the contestant's program is missing, BenchError where it fails."""

    def edit(self, text: str) -> float:
        """Writes code that answers with `text`; returns the time just before, on the monotonic clock."""

    async def split(self) -> Mapping[str, float]:
        """Where the time of the last edit went, part -> seconds, once it was served; empty where unknown."""

    def failure(self, what: str) -> BenchError:
        """The error that says `what`, and what the contestant's program said last."""

    async def stop(self) -> None:
        """Ends and removes everything `start` made, also where `start` failed."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def until_answered(url: str, child: Child, bound: float) -> None:
    """Returns when `url` gives a good answer; BenchError when `child` ends first or `bound` seconds pass."""
    end = time.monotonic() + bound
    while (await ask(url)).body is None:
        if child.ended:
            raise child.failure(f"the program that should serve {url} ended")
        if time.monotonic() > end:
            raise child.failure(f"{url} did not answer within {bound:.0f} s")
        await asyncio.sleep(POLL)
