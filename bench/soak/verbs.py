"""How long a verb takes, as a person waits for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from bench.child import BenchError, output_of

_TIMES = 10
_BOUND = 30.0


async def seconds_of(command: Sequence[str]) -> float:
    """The median of ten runs, from the start of the process to its end; BenchError where one fails."""
    took = []
    for _ in range(_TIMES):
        start = time.monotonic()
        if await output_of(command, _BOUND) is None:
            raise BenchError(f"{' '.join(command)} failed")
        took.append(time.monotonic() - start)
    return statistics.median(took)
