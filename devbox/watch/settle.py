"""When a burst of hints is over, decided from nothing but times and counts."""

from __future__ import annotations

from dataclasses import dataclass

from devbox.watch.values import Hint, Reason

_LEAST = 0.003
# What one save of an editor touches: its own file, and what it keeps beside it.
_ONE_SAVE = 8
_PER_PATH = 0.001
_MOST_FOR_PATHS = 0.3
_SHARE_OF_BURST = 0.25
_MOST = 2.0
_PATIENCE = 10.0
_PATHS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Burst:
    """Hints that came close together; times are seconds on the monotonic clock."""

    first_seen: float
    last_seen: float
    reason: Reason
    paths: tuple[str, ...]
    count: int


def joined(burst: Burst | None, hint: Hint) -> Burst:
    """The burst with one more hint in it; it remembers a hundred paths and counts them all."""
    if burst is None:
        return Burst(hint.at, hint.at, hint.reason, hint.paths[:_PATHS_KEPT], len(hint.paths))
    reason = burst.reason if hint.reason is Reason.BACKSTOP else hint.reason
    paths = tuple(dict.fromkeys((*burst.paths, *hint.paths[:_PATHS_KEPT])))[:_PATHS_KEPT]
    return Burst(
        burst.first_seen, max(burst.last_seen, hint.at), reason, paths, burst.count + len(hint.paths)
    )


def quiet_time(
    first_seen: float, last_seen: float, now: float, count: int, busy_since: float | None = None
) -> float:
    """Seconds of silence still wanted after `now` before a burst about `count` paths counts as over.

    3 ms after one saved file, on top of the silence of 5 ms that a report of the event source stands for;
    more the longer the burst goes on, and for more paths than one save touches (a checkout on a busy machine
    was seen to stand still for 0.2 s), 2 s at most; and none any more 10 s after it began, lest a file that
    never rests keeps everything waiting. `busy_since` is when the bursts before it began, where they came so
    close that they are one: a checkout pauses for breath.
    """
    began = first_seen if busy_since is None else min(busy_since, first_seen)
    for_paths = min(_MOST_FOR_PATHS, _PER_PATH * max(0, count - _ONE_SAVE))
    wanted = min(_MOST, _LEAST + for_paths + _SHARE_OF_BURST * (last_seen - began))
    return max(0.0, min(last_seen + wanted, first_seen + _PATIENCE) - now)
