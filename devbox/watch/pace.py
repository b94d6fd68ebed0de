"""How often to look without being asked, and how long to wait before watching is tried again."""

from __future__ import annotations

_BACKSTOP_LEAST, _BACKSTOP_MOST, _BACKSTOP_SHARE = 2.0, 60.0, 0.003
_POLL_LEAST, _POLL_MOST, _POLL_SHARE = 0.25, 15.0, 0.1
_RESTART_LEAST, _RESTART_MOST = 0.05, 5.0


def backstop_interval(scan_seconds: float, *, polling: bool) -> float:
    """Seconds between two looks that no hint asked for, given what a scan costs.

    With events coming, scans take at most 0.3 % of a core (2 to 60 s apart); without (`polling`), at
    most a tenth of the time (0.25 to 15 s apart).
    """
    if polling:
        return min(_POLL_MOST, max(_POLL_LEAST, scan_seconds / _POLL_SHARE))
    return min(_BACKSTOP_MOST, max(_BACKSTOP_LEAST, scan_seconds / _BACKSTOP_SHARE))


def restart_delay(failures: int) -> float:
    """Seconds to wait before watching starts again after `failures` in a row: none at first, then twice as
    long each time, 5 s at most."""
    return 0.0 if failures <= 1 else min(_RESTART_MOST, _RESTART_LEAST * 2 ** min(failures - 2, 16))
