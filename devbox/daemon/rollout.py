"""The second half of a round: a revision's image let serve. Decides nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from devbox.build.requirements import installed_by
from devbox.compose.turns import turn
from devbox.daemon.beforestart import Step
from devbox.daemon.outlook import Outlook
from devbox.daemon.portowner import name_owner
from devbox.daemon.tools import Tools
from devbox.daemon.work import Serving, Work
from devbox.engine.values import ContainerFacts, ContainerSpec, ImageFacts
from devbox.errors import DevboxError, EngineError, NotFound, PortTaken, StartFailed
from devbox.events import ContextNotice, ReleaseLog, ReleaseServed, ReleaseStep, TimingsInfo
from devbox.model import PortMapping, Revision, StepState
from devbox.release.beforestart import run_before_start
from devbox.release.debugging import without_debugger
from devbox.release.spec import (
    ROLE_VOLUME,
    before_start_spec,
    container_spec,
    mounts,
    network_labels,
    own_networks,
    project_labels,
)
from devbox.release.strategies import Candidate, Handover, Hooks, recreate, rolling

_TURN_WITHIN = 600.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What the image of a revision cost: seconds its build and the staging took, its steps, the cached ones,
    and the ids of the images it was built upon; and the seconds of the commands before its start."""

    build: float = 0.0
    stage: float = 0.0
    steps: int = 0
    cached: int = 0
    bases: tuple[str, ...] = ()
    before_start: float = 0.0


class Rollout:
    """The release of one round. `committed` is true once the ports move: from then on the round can no longer
    be called off, `succeeded` what commands before the start did. `confirm` raises Superseded where the disk
    moved on meanwhile."""

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
        self.succeeded: dict[str, str] = {}

    def spec(self, facts: ImageFacts, revision: Revision, ports: tuple[PortMapping, ...]) -> ContainerSpec:
        """What the revision's container is created from."""
        record = self._work.steps.record
        return container_spec(self._work.source.config, facts, revision, self._tools.info, ports, record)

    async def before_start(self, facts: ImageFacts, spec: ContainerSpec) -> float:
        """Runs the commands that are due one after the other, with what serves still serving; the seconds
        that took. Raises BeforeStartFailed, EngineError."""
        began = time.monotonic()
        if self._work.steps.due:
            await self._make_ready(facts)
        for index, step in enumerate(self._work.steps.all, 1):
            await self._step(step, index, spec)
        return time.monotonic() - began if self._work.steps.due else 0.0

    async def _step(self, step: Step, index: int, spec: ContainerSpec) -> None:
        emit, config, number = self._tools.emit, self._work.source.config, self._work.number
        text, began = step.command.text, time.monotonic()

        def tell(state: StepState) -> None:
            total, seconds = len(self._work.steps.all), round(time.monotonic() - began, 4)
            emit(
                ReleaseStep(
                    revision=number, index=index, total=total, command=text, state=state, seconds=seconds
                )
            )

        if not step.due:
            tell(StepState.CACHED)
            return
        tell(StepState.RUNNING)
        state = StepState.CANCELLED
        try:
            await run_before_start(
                self._tools.engine,
                before_start_spec(spec, step.command.command),
                text,
                config.before_start_timeout,
                lambda piece: emit(
                    ReleaseLog(revision=number, command=text, line=piece.line, stream=piece.stream)
                ),
            )
            state = StepState.DONE
        except DevboxError:
            state = StepState.FAILED
            raise
        finally:
            tell(state)
        if step.key:
            self.succeeded[step.key] = step.digest

    async def _make_ready(self, facts: ImageFacts) -> None:
        """Makes the volumes and networks that are not there yet; raises StartFailed for one that somebody
        else is to make, which an empty one of ours would stand in for."""
        engine, config = self._tools.engine, self._work.source.config
        compose = config.compose
        for name in dict.fromkeys(mount.source for mount in mounts(config, facts) if mount.kind == "volume"):
            if compose and compose.external_volume(name):
                with _named_missing("volume", name, compose.file):
                    await engine.ensure_volume(name, None)
                continue
            theirs = compose.volume_labels(name) if compose else {}
            await engine.ensure_volume(name, theirs | project_labels(config, ROLE_VOLUME))
        # Older engines let two of one name be made at once, by Compose or by a session beside this one.
        async with turn(config.root, _TURN_WITHIN) if compose else contextlib.nullcontext():
            for name in own_networks(config):
                if compose and compose.external_network(name):
                    with _named_missing("network", name, compose.file):
                        await engine.ensure_network(name, None)
                    continue
                theirs = compose.network_labels(name) if compose else {}
                await engine.ensure_network(name, theirs | network_labels(config))

    async def settle(self, container: ContainerFacts) -> None:
        """Has the engine start the container again as the settings say, now that it serves."""
        policy = self._work.source.config.restart
        if policy.name == "no":
            return
        try:
            await self._tools.engine.restart_policy(container.id, policy)
        except EngineError as error:
            notice = f"the restart policy of revision {self._work.number} is not set: {error}"
            self._tools.emit(ContextNotice(notice=notice))

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
        await self._make_ready(facts)
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
            revision,
            handover.container.id,
            name,
            found,
            url,
            boot=handover.boot,
            bases=origin.bases,
            record=self._work.steps.record,
            started=handover.container.started,
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
            before_start=round(origin.before_start, 4),
        )


def _taken(ports: tuple[PortMapping, ...], error: PortTaken) -> PortMapping:
    """The mapping that the engine's text speaks of, the first one where it names none."""
    text = f"{error.what} {error.cause}"
    return next((port for port in ports if f":{port.host_port}" in text), ports[0])


@contextlib.contextmanager
def _named_missing(kind: str, name: str, file: str) -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise StartFailed(
            f"the external {kind} {name} is not there",
            cause=f"{file} says that somebody else makes it",
            hint=f"docker {kind} create {name}",
        ) from error
