"""One round: a Source built into an image, and the image let serve. Decides nothing."""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from devbox.build.asked import asked_of
from devbox.build.buildkit import BuildKitBuilder
from devbox.build.classic import ClassicBuilder
from devbox.build.dockerfile import base_images
from devbox.build.fetched import worth_fetching
from devbox.build.frontend import frontend_of
from devbox.build.job import Builder, BuildJob, step_info
from devbox.build.moved import moved_bases, with_moved_bases
from devbox.build.pull import pull_missing
from devbox.build.reach import reached
from devbox.daemon.fit import only_copied
from devbox.daemon.outlook import Outlook
from devbox.daemon.rollout import Origin, Rollout
from devbox.daemon.standbys import Claim
from devbox.daemon.tools import Tools
from devbox.daemon.warm import WarmBoot
from devbox.daemon.work import Served, Serving, Work
from devbox.errors import EngineError, EngineRefused, StandbyFailed
from devbox.events import BuildFinished, BuildStarted, ReleaseStarted
from devbox.model import LABEL_BASES, Cold, Image, Plan, Revision, Snapshot, Step
from devbox.release.carry import shielded
from devbox.release.spec import ROLE_IMAGE, revision_labels
from devbox.release.warm import warm


class Round:
    """One build and its release. `releasing` is true once the image is there, by `steps`; `committed` once
    the ports move: from then on the round can no longer be called off."""

    def __init__(
        self,
        tools: Tools,
        work: Work,
        previous: Serving | None,
        claim: Claim | Cold,
        confirm: Callable[[Work], Awaitable[None]],
    ) -> None:
        self._tools = tools
        self._work = work
        self._previous = previous
        self._claim = claim
        usual_boot = previous.boot if previous is not None else math.inf
        self._outlook = Outlook(tools, work.source.config, usual_boot)
        self._rollout = Rollout(tools, work, previous, self._outlook, confirm)
        self._triggers = False
        self._bases: tuple[str, ...] = ()
        self._builder = self._chosen_builder()
        self.releasing = False
        self.steps: tuple[Step, ...] = ()

    @property
    def committed(self) -> bool:
        """True once the ports move."""
        return self._rollout.committed

    @property
    def succeeded(self) -> Mapping[str, str]:
        """What commands before the start did."""
        return self._rollout.succeeded

    async def run(self) -> Served:
        """Builds and releases; raises WorkError, EngineError, UsageError or Superseded, with what served
        before still serving."""
        try:
            return await self._run()
        finally:
            await shielded(self._builder.ended())

    async def _run(self) -> Served:
        if isinstance(self._claim, Cold):
            return await self._roll(await self._build(), self._claim.reason)
        standby = WarmBoot(self._tools, self._work, self._claim, self._outlook.warm_readiness)
        serves = False
        try:
            image = await self._build()
            outcome = await self._warm(image, standby)
            serves = isinstance(outcome, Served)
        finally:
            if not serves:
                await standby.discard()
        return await self._roll(image, outcome.reason) if isinstance(outcome, Cold) else outcome

    async def _build(self) -> Image:
        work, tools = self._work, self._tools
        config = work.source.config
        tools.emit(BuildStarted(build=work.number, cause=work.plan.cause, expected=dict(work.plan.reasons)))
        bases = base_images(work.source.dockerfile, config.build_args, config.target)
        facts = await pull_missing(tools.engine, bases, work.number, tools.emit, anew=work.pull)
        self._bases = tuple(image.id for image in facts)
        self._triggers = len(facts) < len(bases) or any(image.triggers for image in facts)
        content = await tools.frontends.settle(
            work.source.dockerfile, work.source.dockerfile_bytes, work.number, tools.emit
        )
        image = await self._builder.build(await self._job(content), tools.emit)
        tools.emit(
            BuildFinished(
                build=work.number,
                image=image.id,
                seconds=round(image.seconds, 4),
                steps=tuple(step_info(step) for step in image.steps),
                cached=_cached(image),
            )
        )
        self.steps = image.steps
        self.releasing = True
        return image

    def _chosen_builder(self) -> Builder:
        engine, info = self._tools.engine, self._tools.info
        if not info.buildkit:
            return ClassicBuilder(engine)
        fetched = worth_fetching(self._work.source.snapshot, info.version)
        return BuildKitBuilder(engine, self._tools.listings if fetched else None)

    async def _job(self, dockerfile: bytes) -> BuildJob:
        work, source, config = self._work, self._work.source, self._work.source.config
        asked = await asked_of(
            self._tools.engine,
            self._tools.info,
            source.dockerfile,
            build_args=config.build_args,
            target=config.target,
            secrets=config.secrets,
            root=config.root,
            environ=os.environ,
            frontend=bool(frontend_of(source.dockerfile)) and dockerfile == source.dockerfile_bytes,
        )
        return BuildJob(
            number=work.number,
            tag=image_tag(config.project, work.number),
            root=config.context,
            snapshot=self._sent(),
            plan=self._plan(),
            dockerfile=source.dockerfile_name,
            labels={
                **revision_labels(config, work.number, source.context_digest, ROLE_IMAGE),
                LABEL_BASES: " ".join(self._bases),
            },
            extra={source.dockerfile_name: dockerfile},
            target=config.target,
            build_args=config.build_args,
            no_cache=work.no_cache,
            network=config.build_network,
            asked=asked,
        )

    def _plan(self) -> Plan:
        """The plan, which was made before anybody looked at the base images."""
        source, config = self._work.source, self._work.source.config
        before = self._previous.bases if self._previous is not None else ()
        moved = moved_bases(source.dockerfile, config.build_args, config.target, self._bases, before)
        return with_moved_bases(self._work.plan, source.dockerfile, config.build_args, config.target, moved)

    def _sent(self) -> Snapshot:
        """What of the build context this build can read."""
        source, config = self._work.source, self._work.source.config
        if self._triggers or not self._tools.info.buildkit:
            return source.snapshot
        return reached(source.dockerfile, config.build_args, config.target, source.snapshot)

    async def _warm(self, image: Image, standby: WarmBoot) -> Served | Cold:
        """Lets the standby serve, or tells why the new container must start cold."""
        if self._triggers:
            return Cold("a base image brings instructions along")
        if self._previous is None or self._bases != self._previous.bases:
            return Cold("a base image is another one, or was not known")
        if not only_copied(image):
            return Cold("the build ran more than COPY")
        booted = await standby.booted()
        if isinstance(booted, Cold):
            return booted
        revision = self._revision(image)
        self._tools.emit(ReleaseStarted(revision=revision.number, strategy="warm"))
        ports = self._outlook.ports(standby.image)
        spec = self._rollout.spec(standby.image, revision, ports)
        hooks, previous = self._rollout.hooks(ports), self._previous.container
        try:
            handover = await warm(self._tools.engine, booted, standby.staging, spec, hooks, previous)
        except (StandbyFailed, EngineError) as error:
            return Cold(error.what)
        await standby.serves()
        origin = self._origin(image, stage=booted.stage)
        await self._rollout.settle(handover.container)
        return Served(self._rollout.served(revision, "warm", ports, handover, origin, spec.name))

    async def _roll(self, image: Image, reason: str) -> Served:
        """Starts a container of the image and lets it serve; `reason` says why this is not done warm."""
        tools, config = self._tools, self._work.source.config
        revision = self._revision(image)
        tools.emit(ReleaseStarted(revision=revision.number, strategy=config.swap, reason=reason))
        if tools.info.image_store == "containerd":
            # It is there, but still being unpacked.
            await self._builder.ended()
        facts = await tools.engine.image(image.id)
        if facts is None:
            raise EngineRefused(f"the image of build {revision.number} is gone", cause="somebody removed it")
        ports = self._outlook.ports(facts)
        spec = self._rollout.spec(facts, revision, ports)
        before_start = await self._rollout.before_start(facts, spec)
        handover = await self._rollout.cold(facts, spec, ports)
        origin = replace(self._origin(image), before_start=before_start)
        await self._rollout.settle(handover.container)
        return Served(self._rollout.served(revision, config.swap, ports, handover, origin, spec.name))

    def _revision(self, image: Image) -> Revision:
        source = self._work.source
        return Revision(self._work.number, image.id, source.context_digest, source.config.config_hash)

    def _origin(self, image: Image, stage: float = 0.0) -> Origin:
        return Origin(image.seconds, stage, len(image.steps), _cached(image), self._bases)


def image_tag(project: str, number: int) -> str:
    """The tag of a revision's image."""
    return f"devbox/{project}:r{number}"


def _cached(image: Image) -> int:
    return sum(step.cached for step in image.steps)
