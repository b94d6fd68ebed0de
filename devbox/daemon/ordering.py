"""An order given to a running devbox, followed to its end."""

from __future__ import annotations

from devbox.daemon.api.client import Client
from devbox.daemon.api.models import Begun
from devbox.events import (
    BACK_TO,
    BuildFailed,
    BuildStarted,
    BuildSuperseded,
    ChangeIgnored,
    ContextNotice,
    EngineLost,
    Event,
    ReleaseFailed,
    ReleaseServed,
    ReleaseStarted,
    SessionStopped,
)
from devbox.report import Renderer

_TOLD = ("build.", "release.", "change.")


async def follow_order(client: Client, begun: Begun, shown: Renderer) -> int:
    """Shows what becomes of it, or of the newer build that takes its place, and returns the exit code: 0 once
    that serves, 1 where it fails or a revision that is there already takes its place, 3 where the engine
    goes.
    """
    number, called_off = begun.number, False
    async for event in client.follow(begun.after):
        if event.kind.startswith(_TOLD) or isinstance(event, ContextNotice | EngineLost | SessionStopped):
            shown(event)
        if isinstance(event, BuildStarted) and event.build > number:
            number = event.build
        code = _code(event, number)
        if code is not None:
            return code
        if isinstance(event, ReleaseStarted) and called_off and event.revision != number:
            return 1
        if isinstance(event, BuildStarted | BuildSuperseded):
            called_off = isinstance(event, BuildSuperseded) and event.build == number
    return 1


def _code(event: Event, number: int) -> int | None:
    match event:
        case ReleaseServed(revision=of) if of == number:
            return 0
        case BuildFailed(build=of) | ReleaseFailed(revision=of) if of == number:
            return 1
        case ChangeIgnored(reason=reason) if reason.startswith(BACK_TO):
            return 0
        case EngineLost():
            return 3
        case _:
            return None
