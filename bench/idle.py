"""What devbox costs while nothing happens: processor time and memory of its two processes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contestants.devbox import DevboxUp

STANDBY_BOUND = 30.0
# What is still done for the last save: images tidied, young files looked at, events asked for most often.
SETTLES = 15.0


@dataclass(frozen=True, slots=True)
class Idle:
    """`share` of one core, 0 to 1, over `seconds`, and `megabytes` (10^6 bytes, what is shared with other
    processes counted in proportion), of devbox and its gate together; the container is not counted."""

    seconds: float
    share: float
    megabytes: float


async def idle(devbox: DevboxUp, seconds: float, tell: Callable[[str], None]) -> Idle:
    """Watches a running devbox that nobody saves anything for; BenchError where it fails."""
    try:
        await devbox.start()
        await devbox.standing_by(STANDBY_BOUND)
        await asyncio.sleep(SETTLES)
        processes = await devbox.processes()
        tell(f"watching devbox do nothing for {seconds:.0f} s")
        return await watch(processes, seconds)
    finally:
        await devbox.stop()


async def watch(processes: Sequence[int], seconds: float) -> Idle:
    """What these processes cost in the next `seconds`."""
    start, before = time.monotonic(), sum(map(_processor_seconds, processes))
    await asyncio.sleep(seconds)
    took = time.monotonic() - start
    share = (sum(map(_processor_seconds, processes)) - before) / took
    return Idle(took, share, sum(map(proportional_bytes, processes)) / 1e6)


def _processor_seconds(process: int) -> float:
    """proc_pid_stat(5): user and system time are fields 14 and 15, the name before them may hold spaces."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_bytes(process: int) -> int:
    """Memory of a process, what is shared with others counted in proportion."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {process} has no proportional set size")
