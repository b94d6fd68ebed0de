"""What a service manager shows of a session in one line: what serves, or what went wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from devbox.events import (
    BACK_TO,
    AppExited,
    BuildFailed,
    BuildStarted,
    ChangeIgnored,
    EngineBack,
    EngineLost,
    Event,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    SessionStopped,
)
from devbox.report.failure import PREFIX
from devbox.report.plain import lines


@dataclass(frozen=True, slots=True)
class Notice:
    """`status` is what is shown; `serving` what it says when all is well again, '' while nothing serves."""

    status: str = ""
    serving: str = ""


def told(former: Notice, event: Event) -> Notice:
    """What is shown after `event`: the line of the plain output for it, where it is news of that kind."""
    match event:
        case SessionStarted():
            return Notice(f"{' '.join(event.urls)} nothing serves yet".strip())
        case ReleaseServed():
            return Notice(_line(event), _line(event))
        case BuildStarted() if not former.serving:
            return replace(former, status=_line(event))
        case BuildFailed():
            keeps = f", revision {event.serving} keeps serving" if event.serving else ""
            return replace(former, status=f"{_line(event)}{keeps}")
        case ReleaseFailed() | EngineLost() | SessionStopped():
            return replace(former, status=_line(event))
        case AppExited():
            return Notice(_line(event))
        case EngineBack():
            return replace(former, status=former.serving or _line(event))
        case ChangeIgnored() if event.reason.startswith(BACK_TO):
            return replace(former, status=former.serving)
        case _:
            return former


def _line(event: Event) -> str:
    return lines(event)[0].removeprefix(PREFIX)
