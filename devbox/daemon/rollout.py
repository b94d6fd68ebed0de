"""The second half of a round: a revision's image let serve. Decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devbox.build.requirements import installed_by
from devbox.daemon.outlook import Outlook
from devbox.daemon.portowner import name_owner
from devbox.daemon.tools import Tools
from devbox.daemon.work import Serving, Work
from devbox.engine.values import ContainerFacts, ContainerSpec, ImageFacts
from devbox.errors import PortTaken, StartFailed
from devbox.events import ReleaseServed, TimingsInfo
from devbox.model import PortMapping, Revision
from devbox.release.debugging import without_debugger
from devbox.release.spec import ROLE_VOLUME, container_spec, mounts, project_labels
from devbox.release.strategies import Candidate, Handover, Hooks, recreate, rolling


@dataclass(frozen=True, slots=True)
class Origin:
    """What the image of a revision cost: seconds its build and the staging took, its steps, the cached ones,
    and the ids of the images it was built upon."""

    build: float = 0.0
    stage: float = 0.0
    steps: int = 0
    cached: int = 0
    bases: tuple[str, ...] = ()


class Rollout:
    """The release of one round. `committed` is true once the ports move: from then on the round can no longer
    be called off. `confirm` raises Superseded where the disk moved on meanwhile."""

    def __init__(
        self,
        tools: Tools,
        work: Work,
        previous: Serving | None,
        outlook: Outlook,
        confirm: Callable[[Work], Awaitable[None]],
    ) -> None:
        self._tools, self._work, self._previous, self._outlook = tools, work, previous, outlook
        self._confirm_disk = confirm
        self.committed = False

    def spec(self, facts: ImageFacts, revision: Revision, ports: tuple[PortMapping, ...]) -> ContainerSpec:
        """What the revision's container is created from."""
        return container_spec(self._work.source.config, facts, revision, self._tools.info, ports)

    def hooks(self, ports: tuple[PortMapping, ...]) -> Hooks:
        """What happens at the turning points: logs are followed, the disk is looked at, the ports moved."""
        tools, number = self._tools, self._work.number

        async def flip(container: ContainerFacts) -> None:
            if self._work.source.config.swap == "rolling":
                tools.ports.retarget(ports)
                await tools.ports.flip(self._outlook.backends(container, ports))

        return Hooks(
            started=lambda container: tools.logs.follow(container, number),
            confirm=self._confirm,
            flip=flip,
        )

    async def cold(self, facts: ImageFacts, spec: ContainerSpec, ports: tuple[PortMapping, ...]) -> Handover:
        """Starts a new container and hands the ports over; raises WorkError, EngineError, UsageError or
        Superseded, with what served before still serving."""
        tools, config = self._tools, self._work.source.config
        for mount in mounts(config, facts):
            if mount.kind == "volume":
                await tools.engine.ensure_volume(mount.source, project_labels(config, ROLE_VOLUME))
        candidate = Candidate(spec, self._outlook.readiness(facts))
        hooks = self.hooks(ports)
        if config.swap == "rolling":
            try:
                return await rolling(tools.engine, tools.info, candidate, hooks)
            except StartFailed as error:
                if not config.debug:
                    raise
                raise without_debugger(error, installed_by(self._work.source.dockerfile)) from error
        previous = self._previous.container if self._previous else None
        try:
            return await recreate(tools.engine, tools.info, candidate, hooks, previous, config.stop_grace)
        except PortTaken as error:
            raise await name_owner(tools.engine, _taken(ports, error)) from error

    def served(
        self,
        revision: Revision,
        strategy: str,
        ports: tuple[PortMapping, ...],
        handover: Handover,
        origin: Origin,
        name: str,
    ) -> Serving:
        """Says that the revision serves, and gives what serves now, in the container of this name."""
        url = self._outlook.url(ports, handover.container)
        found = tuple(self._outlook.backends(handover.container, ports).values())
        self._tools.emit(
            ReleaseServed(
                revision=revision.number,
                image=revision.image,
                strategy=strategy,
                url=url,
                timings=self._timings(handover, origin),
                cached=origin.cached,
                steps=origin.steps,
            )
        )
        return Serving(
            revision, handover.container.id, name, found, url, boot=handover.boot, bases=origin.bases
        )

    async def _confirm(self) -> None:
        if not self._work.insist:
            await self._confirm_disk(self._work)
        self.committed = True

    def _timings(self, handover: Handover, origin: Origin) -> TimingsInfo:
        work = self._work
        return TimingsInfo(
            detect=round(work.detect, 4),
            context=0.0 if work.again else round(work.source.seconds, 4),
            build=round(origin.build, 4),
            stage=round(origin.stage, 4),
            boot=round(handover.boot, 4),
            flip=round(handover.flip, 4),
            total=round(handover.at - work.first_seen, 4),
        )


def _taken(ports: tuple[PortMapping, ...], error: PortTaken) -> PortMapping:
    """The mapping that the engine's text speaks of, the first one where it names none."""
    text = f"{error.what} {error.cause}"
    return next((port for port in ports if f":{port.host_port}" in text), ports[0])
