"""Many saves, at pace or under load: how many went live warm, and what requests they cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.contestants.devbox import DevboxUp
from bench.figures import Request, failed, longest_gap, percentile
from bench.load import EVERY, Load

SECONDS_APART = 1.0
STANDBY_BOUND = 30.0
SERVED_BOUND = 60.0
# Enough to see the last save served.
LIGHTLY = 0.05


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

    async def save(load: Load) -> None:
        start = time.monotonic()
        for number in range(saves):
            text = _text(number)
            devbox.edit(text)
            if number + 1 == saves:
                await _served(devbox, load, text)
            else:
                await asyncio.sleep(max(0.0, start + (number + 1) * SECONDS_APART - time.monotonic()))

    tell(f"{saves} saves one second apart")
    return await _run(devbox, saves, LIGHTLY, save)


async def swaps(devbox: DevboxUp, count: int, tell: Callable[[str], None]) -> Pace:
    """`count` saves under 200 requests a second, each when the last is served and a standby is ready;
    BenchError where devbox fails or does not serve one."""

    async def save(load: Load) -> None:
        for number in range(count):
            text = _text(number)
            devbox.edit(text)
            await _served(devbox, load, text)
            await devbox.standing_by(STANDBY_BOUND)

    tell(f"{count} swaps under load")
    return await _run(devbox, count, EVERY, save)


async def _run(devbox: DevboxUp, saves: int, every: float, save: Callable[[Load], Awaitable[None]]) -> Pace:
    try:
        url = await devbox.start()
        await devbox.standing_by(STANDBY_BOUND)
        before = len(devbox.releases)
        async with Load(url, every) as load:
            await save(load)
            await asyncio.sleep(SECONDS_APART)
        return _pace(devbox, before, saves, every, load.requests)
    finally:
        await devbox.stop()


async def _served(devbox: DevboxUp, load: Load, text: str) -> None:
    try:
        await load.first(text, SERVED_BOUND)
    except TimeoutError as error:
        what = f"{devbox.title} did not serve a save within {SERVED_BOUND:.0f} s"
        raise devbox.failure(what) from error


def _text(number: int) -> str:
    # Code that was built before would come out of the builder's cache.
    return f"{time.time_ns():x} save {number:03d}"


def _pace(devbox: DevboxUp, before: int, saves: int, every: float, requests: Sequence[Request]) -> Pace:
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
        per_second=1 / every,
        requests=len(requests),
        failed_new=failed(requests, kept=False),
        failed_kept=failed(requests, kept=True),
        longest_gap=longest_gap(requests),
        median=percentile(seconds, 50),
        p95=percentile(seconds, 95),
    )
