"""A round without a build: an image that is there already is let serve again. Decides nothing."""

from __future__ import annotations

import math
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from devbox.daemon.outlook import Outlook
from devbox.daemon.rollout import Origin, Rollout
from devbox.daemon.tools import Tools
from devbox.daemon.work import Again, Served, Serving, Work
from devbox.errors import EngineRefused
from devbox.events import ReleaseStarted
from devbox.model import LABEL_BASES, Step


class Redeploy:
    """The release of `again` in a new container; it is what a Round is to the loop."""

    releasing = True
    steps: tuple[Step, ...] = ()
    succeeded: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        tools: Tools,
        work: Work,
        again: Again,
        previous: Serving | None,
        confirm: Callable[[Work], Awaitable[None]],
    ) -> None:
        self._tools, self._work, self._again = tools, work, again
        usual_boot = previous.boot if previous is not None else math.inf
        self._outlook = Outlook(tools, work.source.config, usual_boot)
        self._rollout = Rollout(tools, work, previous, self._outlook, confirm)

    @property
    def committed(self) -> bool:
        """True once the ports move."""
        return self._rollout.committed

    async def run(self) -> Served:
        """Releases it; raises WorkError, EngineError, UsageError or Superseded, with what served before still
        serving."""
        tools, again = self._tools, self._again
        number, config = again.revision.number, self._work.source.config
        tools.emit(ReleaseStarted(revision=number, strategy=config.swap, reason=f"{again.why} asked for"))
        facts = await tools.engine.image(again.revision.image)
        if facts is None:
            raise EngineRefused(f"the image of revision {number} is gone", cause="somebody removed it")
        ports = self._outlook.ports(facts)
        revision = replace(again.revision, config_hash=config.config_hash)
        spec = self._rollout.spec(facts, revision, ports)
        # What serves may have the revision's own name.
        spec = replace(spec, name=f"{spec.name}-{uuid.uuid4().hex[:6]}")
        handover = await self._rollout.cold(facts, spec, ports)
        origin = Origin(bases=tuple(facts.labels.get(LABEL_BASES, "").split()))
        await self._rollout.settle(handover.container)
        return Served(self._rollout.served(revision, again.why, ports, handover, origin, spec.name))
