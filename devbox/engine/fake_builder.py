"""The half of the fake engine that images come from: builds, pulls, registries and their logins, sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping

from devbox.engine.fake_container import Behaviour
from devbox.engine.fake_images import FakeBuild, FakeImages
from devbox.engine.fake_presence import Presence
from devbox.engine.fake_sessions import FakeSession
from devbox.engine.values import BuildRequest, ImageFacts, PullProgress, RegistryLogin, SessionOffer
from devbox.errors import EngineRefused, PullFailed


class FakeBuilder:
    """What `FakeEngine` tells of its images, scripted as its docstring says."""

    def __init__(self) -> None:
        self.builds: list[FakeBuild] = [FakeBuild()]
        self.registry: dict[str, Behaviour] = {}
        self.offline = False
        self.journal: list[str] = []
        self.cancelled: list[str] = []
        self.sessions: list[FakeSession] = []
        self.logins: dict[str, RegistryLogin] = {}
        self.store = FakeImages()
        self._presence = Presence()

    def add_image(
        self, tag: str, behaviour: Behaviour | None = None, labels: Mapping[str, str] | None = None
    ) -> str:
        """Makes an image known under a tag, which it takes from any other, and returns its id."""
        return self.store.add(tag, behaviour or Behaviour(), ImageFacts("", labels=dict(labels or {})))

    async def image(self, reference: str) -> ImageFacts | None:
        """The image by id or tag, None where there is none."""
        self._presence.check()
        known = self.store.find(reference)
        return known[0] if known else None

    async def images(self, project: str) -> tuple[ImageFacts, ...]:
        """All images labelled with `project`, newest first."""
        self._presence.check()
        return self.store.of(project)

    async def pull(self, reference: str) -> AsyncGenerator[PullProgress, None]:
        """Pulls what `registry` has; raises PullFailed for anything else."""
        self._presence.check()
        if reference not in self.registry:
            raise PullFailed(f"cannot pull {reference}", cause="the fake registry does not have it")
        yield PullProgress("Downloading", 50, 100)
        yield PullProgress("Download complete", 100, 100)
        self.add_image(reference, self.registry[reference])

    async def ask_registry(self, reference: str) -> None:
        """Returns for what `registry` has; else PullFailed, or EngineRefused when offline."""
        self._presence.check()
        if self.offline:
            raise EngineRefused(f"cannot pull {reference}", cause="the test said that it is offline")
        if reference not in self.registry:
            raise PullFailed(f"cannot pull {reference}", cause="the fake registry does not have it")

    async def registries(self) -> frozenset[str]:
        """The hosts in `logins`."""
        return frozenset(self.logins)

    async def login(self, registry: str) -> RegistryLogin | None:
        """What `logins` holds."""
        return self.logins.get(registry)

    async def build(
        self, request: BuildRequest, context: Iterator[bytes]
    ) -> AsyncGenerator[Mapping[str, object], None]:
        """Answers with the next of `builds`; abandoning it puts its id on `cancelled`."""
        self._presence.check()
        sent = b"".join(context)
        answer = self.builds.pop(0) if len(self.builds) > 1 else self.builds[0]
        messages = answer.given(request, sent)
        self.journal.append(f"build {request.tag}")
        ended = False
        try:
            for message in messages:
                yield message
            if answer.proceed is not None:
                await self._presence.unless_gone(answer.proceed.wait())
            if not any("error" in message for message in messages):
                name = self.add_image(request.tag, answer.behaviour, labels=request.labels)
                yield {"id": "moby.image.id", "aux": {"ID": name}}
            ended = True
        finally:
            if not ended:
                self.cancelled.append(request.build_id)

    async def cancel_build(self, build_id: str) -> None:
        """Notes that the build was cancelled."""
        self._presence.check()
        self.cancelled.append(build_id)

    async def session(self, offer: SessionOffer, served: asyncio.Protocol) -> FakeSession:
        """Opens a session whose other end is in `sessions`."""
        self._presence.check()
        session = FakeSession(offer, served)
        await session.open()
        self.sessions.append(session)
        return session
