"""The warm half of a round: a claimed standby boots with the new code while the image is built."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devbox.build.context import read_staged
from devbox.daemon.standbys import Claim
from devbox.daemon.tools import Tools
from devbox.daemon.work import Work
from devbox.engine.values import ImageFacts
from devbox.errors import EngineError, StandbyFailed, StartFailed
from devbox.model import Cold, StagedFile, Staging
from devbox.release.carry import shielded
from devbox.release.probe import Readiness
from devbox.release.warm import Booted, boot

# Making one takes well under a second; what takes longer is slower than the rolling way.
_MADE_WITHIN = 3.0


class WarmBoot:
    """A claimed standby of one round, told to go; whoever does not let it serve discards it. Until its files
    are read nothing was done to it, and another round may have it."""

    def __init__(
        self, tools: Tools, work: Work, claim: Claim, readiness: Callable[[ImageFacts], Readiness]
    ) -> None:
        self._tools, self._work, self._claim, self._readiness = tools, work, claim, readiness
        self.staging = Staging()
        self._touched = False
        self._boot = asyncio.create_task(self._run())

    @property
    def image(self) -> ImageFacts:
        """What it was made from; to be asked once it has booted."""
        return self._claim.making.result().image

    async def booted(self) -> Booted | Cold:
        """The standby once it answers, or why it does not; raises Superseded.

        An engine that is gone is met again by the rolling way.
        """
        try:
            return await asyncio.shield(self._boot)
        except (StandbyFailed, EngineError) as error:
            return Cold(error.what)
        except StartFailed as error:
            return Cold(f"the standby {error}")

    async def serves(self) -> None:
        """It has the ports: from now on it is no standby any more."""
        await self._claim.making.result().spare.leave()

    async def discard(self) -> None:
        """Removes it, or gives it back as it was; also while this task is being cancelled."""
        await shielded(self._end())

    async def _end(self) -> None:
        self._boot.cancel()
        await asyncio.wait({self._boot})
        await self._claim.give_back(touched=self._touched)

    async def _run(self) -> Booted:
        try:
            async with asyncio.timeout(_MADE_WITHIN):
                made = await asyncio.shield(self._claim.making)
        except TimeoutError as error:
            raise StandbyFailed("the standby was not made in time") from error
        work, source = self._work, self._work.source
        staging = self._claim.fitting(source)
        if isinstance(staging, Cold):
            raise StandbyFailed(staging.reason)
        self.staging = staging

        async def files() -> tuple[StagedFile, ...]:
            read = await asyncio.to_thread(read_staged, source.config.context, source.snapshot, {}, staging)
            self._touched = True
            return read

        return await boot(
            self._tools.engine,
            self._tools.info,
            made.spare,
            files,
            self._readiness(made.image),
            lambda container: self._tools.logs.follow(container, work.number),
            tuple(network for network in source.config.networks if network.aliases),
        )
