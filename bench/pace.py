"""Many saves, one second apart, under load: how many went live warm, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.contestants.devbox import DevboxUp
from bench.figures import Request, failed, longest_gap, percentile
from bench.load import EVERY, Load

SECONDS_APART = 1.0
STANDBY_BOUND = 30.0
SERVED_BOUND = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`saves` that were followed by `swaps`, of them `warm`; `reasons` why the others were not; `per_second`
    requests a second; times in seconds, from the first write seen to the first answer."""

    saves: int
    swaps: int
    warm: int
    reasons: Mapping[str, int]
    per_second: float
    requests: int
    failed_new: int
    failed_kept: int
    longest_gap: float
    median: float
    p95: float

    @property
    def share(self) -> float:
        """The part of the saves that were served warm, 0 to 1."""
        return self.warm / self.saves


async def pace(devbox: DevboxUp, saves: int, tell: Callable[[str], None]) -> Pace:
    """`saves` saves, the next one second after the last whether that is served or not; BenchError where
    devbox fails or does not serve the last one."""
    try:
        url = await devbox.start()
        await devbox.standing_by(STANDBY_BOUND)
        before, run = len(devbox.releases), f"{time.time_ns():x}"
        async with Load(url) as load:
            start, text = time.monotonic(), ""
            for number in range(saves):
                text = f"{run} pace {number:03d}"
                devbox.edit(text)
                if number + 1 < saves:
                    due = start + (number + 1) * SECONDS_APART
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                if (number + 1) % 20 == 0:
                    tell(f"save {number + 1} of {saves}: {len(devbox.releases) - before} swaps so far")
            try:
                await load.first(text, SERVED_BOUND)
            except TimeoutError as error:
                what = f"{devbox.title} did not serve the last save within {SERVED_BOUND:.0f} s"
                raise devbox.failure(what) from error
            await asyncio.sleep(SECONDS_APART)
        return _pace(devbox, before, saves, load.requests)
    finally:
        await devbox.stop()


def _pace(devbox: DevboxUp, before: int, saves: int, requests: Sequence[Request]) -> Pace:
    served = devbox.releases[before:]
    seconds = [release.timings.total for release in served]
    cold = {release.revision for release in served if release.strategy != "warm"}
    return Pace(
        saves=saves,
        swaps=len(served),
        warm=len(served) - len(cold),
        reasons=dict(
            Counter(
                started.reason or "no reason given" for started in devbox.starts if started.revision in cold
            )
        ),
        per_second=1 / EVERY,
        requests=len(requests),
        failed_new=failed(requests, kept=False),
        failed_kept=failed(requests, kept=True),
        longest_gap=longest_gap(requests),
        median=percentile(seconds, 50),
        p95=percentile(seconds, 95),
    )
