"""The service manager that started this process is told how it is, as sd_notify(3) describes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping

from devbox.daemon.unit.notice import Notice, told
from devbox.events import AppLog, BuildLog, BuildStep, Event, SessionStarted

_MICROSECONDS = 1_000_000
_FREQUENT = (AppLog, BuildLog, BuildStep)


class Notify:
    """Hears a session's events, and tells the manager when there is news; does nothing without one, and never
    raises.

    READY=1 goes out when the session has begun: a first build may take minutes, and one that fails is healed
    by the next save, not by another start. To be made in the event loop, and closed there: while it is open
    the manager's watchdog is answered, where there is one.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self._notice = Notice()
        self._timer: asyncio.TimerHandle | None = None
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        within = environ.get("WATCHDOG_USEC", "")
        if self._address and for_us and within.isdecimal() and int(within):
            self._answer_watchdog(int(within) / _MICROSECONDS / 2)

    def __call__(self, event: Event) -> None:
        """Tells the manager what this event means to it, at once or not at all."""
        if not self._address or isinstance(event, _FREQUENT):
            return
        former, self._notice = self._notice, told(self._notice, event)
        news = ["READY=1"] if isinstance(event, SessionStarted) else []
        if self._notice.status != former.status:
            news.append(f"STATUS={self._notice.status}")
        self._send(*news)

    def stopping(self) -> None:
        """To be called when the session begins to end."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Answers no watchdog any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _answer_watchdog(self, pace: float) -> None:
        self._send("WATCHDOG=1")
        self._timer = asyncio.get_running_loop().call_later(pace, self._answer_watchdog, pace)

    def _send(self, *assignments: str) -> None:
        if not self._address or not assignments:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            # A manager that does not read must not hold the session up.
            sender.setblocking(False)
            sender.sendto("\n".join(assignments).encode(errors="replace"), self._address)
