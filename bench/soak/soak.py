"""The whole of it: rest, rebuilds with a look every few of them, rest again, and the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.bars import IDLE_MEGABYTES, IDLE_SHARE, Bar
from bench.contestants.devbox import DEVBOX, remove_images
from bench.figures import Request, failed
from bench.idle import SETTLES, Idle, watch
from bench.load import Load
from bench.machine import this_machine
from bench.soak import leftovers
from bench.soak.bounds import BOUNDS, CONTAINERS, HELP_SECONDS, IMAGES, STATUS_SECONDS
from bench.soak.company import Company
from bench.soak.follower import Follower
from bench.soak.growth import Sample, rows
from bench.soak.probe import Probe, descriptors
from bench.soak.running import Running
from bench.soak.steps import STANDBY_BOUND, Steps
from bench.soak.told import Found
from bench.soak.verbs import seconds_of
from devbox.daemon.status import Status
from devbox.engine.protocol import Engine
from scripts.engine import Engine as RawEngine

REQUEST_EVERY = 0.1
RESTS_WITHIN = 40.0
ENDS_WITHIN = 5.0
ASK_AGAIN = 0.2


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rebuilds, after how many of them there is a look, and how many seconds each rest lasts."""

    rebuilds: int
    every: int
    idle: float


class Soak:
    """One devbox that is soaked; `run` ends and removes everything that it made."""

    def __init__(
        self, engine: Engine, raw: RawEngine, scratch: Path, extent: Extent, tell: Callable[[str], None]
    ) -> None:
        self._running = Running(scratch)
        folders = {"journal": self._running.state, "sockets and locks": self._running.sockets}
        self._probe = Probe(engine, raw, self._running.project, folders)
        self._extent, self._tell = extent, tell
        self._follower = Follower(self._running.client)
        self._company = Company(self._running)
        self._samples: list[Sample] = []
        self._requests: list[Request] = []
        self._idle: dict[str, Idle] = {}
        self._began = self._took = 0.0

    async def run(self) -> Found:
        """Everything that was found; BenchError where devbox does not even start, or ends."""
        # Once it has spoken to the engine, whose connections it keeps.
        await self._probe.left()
        own = descriptors(os.getpid())
        try:
            self._tell("devbox up -d")
            status = await self._running.start()
            processes = _processes(status)
            async with self._follower:
                await self._follower.standing_by(0, STANDBY_BOUND)
                await self._rest("before", processes)
                steps = await self._rebuilds(processes, status.urls[0])
                await self._rest("after", processes)
            bars = await self._bars()
            said = self._running.said
        finally:
            try:
                await self._company.close()
            finally:
                await self._running.down()
                _, kept = await self._probe.counts()
                await remove_images(self._running.project)
        left = [*await self._probe.left(), *await self._left(status.urls[0])]
        if (more := descriptors(os.getpid()) - own) > 0:
            left.append(f"{more} file descriptors of its clients")
        follower = self._follower
        return Found(
            rebuilds=self._extent.rebuilds,
            every=self._extent.every,
            seconds=self._took,
            rows=rows(self._samples, BOUNDS),
            done=steps.done,
            kinds=follower.kinds,
            strategies=follower.strategies,
            reasons=follower.reasons,
            clients=self._company.came,
            requests=len(self._requests),
            failed=failed(self._requests, kept=False) + failed(self._requests, kept=True),
            surprises=steps.surprises,
            idle=self._idle,
            bars=bars,
            left=left,
            kept=kept,
            said=said,
            machine=await this_machine(),
        )

    async def _rebuilds(self, processes: dict[str, int], url: str) -> Steps:
        await self._company.open()
        self._began = time.monotonic()
        steps = Steps(self._running, self._follower, self._company, url)
        rebuilds, every = self._extent.rebuilds, self._extent.every
        for first in range(1, rebuilds + 1, every):
            last = min(first + every - 1, rebuilds)
            # Nobody asks during a look: connections that clients keep would count as the gate's.
            async with Load(url, REQUEST_EVERY) as load:
                for number in range(first, last + 1):
                    await steps.step(number)
            self._requests += load.requests
            await self._look(last, processes)
        self._took = time.monotonic() - self._began
        await self._company.close()
        return steps

    async def _look(self, number: int, processes: dict[str, int]) -> None:
        await self._company.leave()
        at_work = (await self._probe.counts())[1]
        await self._at_rest()
        figures = await self._probe.figures(processes, self._company.processes)
        self._samples.append(Sample(number, {**figures, "images, at work": at_work}))
        told = " · ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._tell(f"{number} rebuilds in {time.monotonic() - self._began:.0f} s: {told}")

    async def _at_rest(self) -> None:
        """Returns once nothing is left to be done for the last rebuild; where that lasts, the bounds tell."""
        end = time.monotonic() + RESTS_WITHIN
        while time.monotonic() < end:
            containers, images = await self._probe.counts()
            if containers <= CONTAINERS and images < IMAGES:
                return
            await asyncio.sleep(ASK_AGAIN)

    async def _left(self, url: str) -> tuple[str, ...]:
        """What is left once there was time to end: `devbox down` waits for the lock, not for the process."""
        end = time.monotonic() + ENDS_WITHIN
        # There is nothing to be woken by.
        while (left := leftovers.left(self._running.sockets, url)) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(ASK_AGAIN)
        return left

    async def _rest(self, when: str, processes: dict[str, int]) -> None:
        await asyncio.sleep(SETTLES)
        self._tell(f"watching devbox do nothing for {self._extent.idle:.0f} s")
        self._idle[when] = await watch(tuple(processes.values()), self._extent.idle)

    async def _bars(self) -> list[Bar]:
        bars = []
        for when, idle in self._idle.items():
            bars += [
                Bar(f"idle {when}: share of a core", idle.share, IDLE_SHARE),
                Bar(f"idle {when}: memory, MB", idle.megabytes, IDLE_MEGABYTES),
            ]
        folder = str(self._running.app.folder)
        status, help_ = await seconds_of([DEVBOX, "status", folder]), await seconds_of([DEVBOX, "--help"])
        return [
            *bars,
            Bar("devbox status, seconds", status, STATUS_SECONDS),
            Bar("devbox --help, seconds", help_, HELP_SECONDS),
        ]


def _processes(status: Status) -> dict[str, int]:
    if status.daemon is None or status.gate is None:
        raise ValueError(f"devbox status names no processes: {status}")
    return {"devbox": status.daemon, "gate": status.gate}
