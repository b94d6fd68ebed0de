"""The standby of what serves: made while nothing happens, given to the round that can use it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from devbox.build.staging import survey
from devbox.daemon.fit import fit
from devbox.daemon.tools import Tools
from devbox.daemon.work import Identity, Serving, Source
from devbox.engine.values import ContainerSpec, ImageFacts
from devbox.errors import StandbyFailed
from devbox.events import StandbyChanged
from devbox.model import Cold, Staging
from devbox.release.spec import as_run, container_spec, mounts, standby_spec
from devbox.release.standby import wire
from devbox.release.standby.command import Launch
from devbox.release.standby.look import directories_among, loaded_since, look
from devbox.release.standby.preload import preload_modules, runs
from devbox.release.standby.spare import Spare, prepare

_MOST_OFFENDERS = 20
NOT_YET = "no standby was ready"


@dataclass(frozen=True, slots=True)
class Made:
    """A standby that waits, and what it was made from."""

    spare: Spare
    image: ImageFacts
    launch: Launch
    directories: frozenset[str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A standby given to one round, perhaps still in the making; `base` is the source of its image, `keep`
    takes it back where it may still serve another round. `certain` is what `fitting` told the round that
    claimed it, where it was made by then."""

    making: asyncio.Task[Made]
    base: Source
    keep: Callable[[Claim], bool]
    certain: Staging | None = None

    def fitting(self, now: Source) -> Staging | Cold:
        """What makes it equal the image built from `now`; asked once it is made, this is certain."""
        if self.certain is not None:
            return self.certain
        made = self.making.result() if self.making.done() else None
        known = made.directories if made else frozenset[str]()
        mounted = mounts(now.config, made.image) if made else now.config.volumes
        script = made.launch.script if made else False
        return fit(self.base, now, mounted, known.__contains__, script=script)

    async def give_back(self, *, touched: bool) -> None:
        """Ends the claim: the standby goes, unless nothing was done to it and it is wanted; also while this
        task is being cancelled."""
        if touched or not self.keep(self):
            await self.discard()

    async def discard(self) -> None:
        """Removes the standby, made or not; also while this task is being cancelled."""
        self.making.cancel()
        await asyncio.wait({self.making})
        if not self.making.cancelled() and self.making.exception() is None:
            await self.making.result().spare.discard()


class Standbys:
    """At most one standby, of the revision that serves. What is made ends with `close`, or with the round
    that claimed it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._spare: Claim | None = None
        self._made_from: tuple[Serving, Source] | None = None
        self._why_none = ""
        self._told = ""
        self._said: set[str] = set()
        self._refused: Identity | None = None
        self._denied: dict[str, str] = {}
        self._learned: dict[str, None] = {}
        self._launches: dict[tuple[str, bytes], Launch] = {}
        self._dropping: set[asyncio.Task[None]] = set()
        self._closed = False

    def prepare(self, serving: Serving | None, source: Source | None) -> None:
        """Begins a standby of what serves, which was built from `source`, unless there is one already."""
        if serving is None or source is None or serving.identity != source.identity:
            return
        if source.config.swap != "rolling" or not source.config.warm:
            self._drop("warm = false" if source.config.swap == "rolling" else "")
            return
        if source.config.debug:
            self._drop("it runs under the debugger")
            return
        spare = self._spare
        if self._refused == source.identity or (spare and spare.base.identity == source.identity):
            return
        self._drop(NOT_YET)
        self._made_from = (serving, source)
        self._spare = self._begun(serving, source)

    def claim(self, source: Source, serving: Serving | None) -> Claim | Cold:
        """A standby of what serves, if it can become what will be built from `source`; the caller gives it
        back.

        Where the last one went for a round that was called off, another is begun: beside the build it is made
        sooner than a container that starts cold after it.
        """
        spare = self._spare
        if spare is None:
            again = self._made_from
            if again is not None and again[1].dockerfile_bytes != source.dockerfile_bytes:
                return Cold("the Dockerfile changed")
            if self._why_none != NOT_YET or again is None or again[0] is not serving:
                return Cold(self._why_none)
            spare = self._spare = self._begun(*again)
        if spare.making.done() and (spare.making.cancelled() or spare.making.exception()):
            # It has failed in this very moment; what becomes of it is told next.
            return Cold(NOT_YET)
        staging = spare.fitting(source)
        if isinstance(staging, Cold):
            return staging
        self._spare, self._why_none = None, NOT_YET
        return replace(spare, certain=staging) if spare.making.done() else spare

    def try_again(self) -> None:
        """What kept a standby from being made may be over: its application has started anew."""
        self._refused = None

    def set_aside(self, why: str) -> None:
        """The standby goes, and there is none for this reason until another one is made."""
        self._made_from = None
        self._drop(why)

    async def close(self) -> None:
        """Discards the standby, and each one that a round still gives back."""
        self._closed = True
        self._drop(NOT_YET)
        if self._dropping:
            await asyncio.wait(self._dropping)

    def _begun(self, serving: Serving, source: Source) -> Claim:
        making = asyncio.create_task(self._make(serving, source))
        claim = Claim(making, source, self._keep)
        making.add_done_callback(lambda made: self._made(made, serving, source))
        return claim

    def _keep(self, claim: Claim) -> bool:
        """Whether a standby that is given back as it was waits for another round."""
        failed = claim.making.done() and (claim.making.cancelled() or claim.making.exception() is not None)
        if self._closed or self._spare is not None or failed:
            return False
        self._spare = replace(claim, certain=None)
        return True

    def _drop(self, why: str) -> None:
        spare, self._spare, self._why_none = self._spare, None, why
        if spare is not None:
            task = asyncio.create_task(spare.discard())
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)

    def _made(self, making: asyncio.Task[Made], serving: Serving, source: Source) -> None:
        """Says what became of a standby; what failed is no standby any more."""
        number = serving.revision.number
        if making.cancelled():
            return
        error = making.exception()
        if error is None:
            self._told = ""
            dropped = {name: why for name, why in self._denied.items() if name not in self._said}
            self._said.update(dropped)
            ready = making.result().spare.ready
            self._tools.emit(
                StandbyChanged(
                    revision=number,
                    ready=True,
                    modules=ready.modules,
                    dropped=dropped,
                    seconds=round(ready.seconds, 4),
                )
            )
            return
        if self._spare is None or self._spare.making is making:
            self._spare, self._why_none = None, str(error)
        if isinstance(error, StandbyFailed):
            # Another try with the same image and settings would end alike.
            self._refused = source.identity
        if str(error) != self._told:
            self._told = str(error)
            self._tools.emit(StandbyChanged(revision=number, ready=False, reason=str(error)))

    async def _make(self, serving: Serving, source: Source) -> Made:
        """Makes one, leaving out modules that must not be loaded early; raises StandbyFailed, EngineError."""
        engine = self._tools.engine
        image = await engine.image(serving.revision.image)
        if image is None:
            raise StandbyFailed("its image is gone")
        launch = await self._launch(serving, source, image)
        asked, owners = survey(source.dockerfile, source.config.build_args, source.config.target)
        directories = await directories_among(engine, serving.container, asked)
        for name in await loaded_since(engine, serving.container):
            self._learned[name] = None
        static = await asyncio.to_thread(_modules, source, launch)
        while True:
            known = dict.fromkeys((*static, *self._learned)) if static else ()
            wanted = (name for name in known if not (_denied(name, self._denied) or runs(launch.argv, name)))
            orders = wire.Orders(tuple(wanted), owners)
            try:
                spare = await prepare(engine, self._spec(serving, source, image, launch), orders)
            except StandbyFailed as error:
                if not error.offender or len(self._denied) >= _MOST_OFFENDERS:
                    raise
                self._denied[error.offender] = error.what
            else:
                return Made(spare, image, launch, directories)

    async def _launch(self, serving: Serving, source: Source, image: ImageFacts) -> Launch:
        """How the application is begun: asked of a container that began cold, and then remembered."""
        key = (source.config.config_hash, source.dockerfile_bytes)
        known = self._launches.get(key)
        if known is None:
            known = await look(self._tools.engine, serving.container, as_run(image, source.config))
            self._launches = {key: known}
        return known

    def _spec(self, serving: Serving, source: Source, image: ImageFacts, launch: Launch) -> ContainerSpec:
        config = source.config
        ports = self._tools.ports.mappings
        application = container_spec(config, image, serving.revision, self._tools.info, ports, serving.record)
        name = f"devbox-{config.project}-standby-{uuid.uuid4().hex[:8]}"
        environment = {**launch.environment, **wire.environment(launch.environment)}
        return standby_spec(application, image, name, launch.argv, environment, launch.cwd)


def _denied(name: str, denied: Collection[str]) -> bool:
    """Whether loading `name` ("a.b", or "a:b" for what `from a import b` loads) loads a denied module."""
    return any(name == offender or name.startswith((f"{offender}.", f"{offender}:")) for offender in denied)


def _modules(source: Source, launch: Launch) -> tuple[str, ...]:
    """What the application loads of others' modules, as far as its own source tells; reads the disk."""
    root = source.config.context
    paths = frozenset(name for name in source.snapshot.entries if name.endswith(".py"))

    def read(path: str) -> str | None:
        try:
            return (root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    return preload_modules(paths, read, launch.argv)
