"""Values of the daemon's room, and a way to wait for a state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from devbox.config import Config, load
from devbox.daemon.api import models
from devbox.daemon.hub import Hub, Kept
from devbox.daemon.work import Identity, Serving
from devbox.engine.values import ContainerFacts, ImageFacts
from devbox.events import Event, Failure
from devbox.model import (
    LABEL_CONFIG_HASH,
    LABEL_CONTEXT_DIGEST,
    LABEL_PROJECT,
    LABEL_REVISION,
    LABEL_ROLE,
    LABEL_ROOT,
    Backend,
    Revision,
)

BOUND = 10.0


async def until(true: Callable[[], object]) -> None:
    """Returns once it is true."""
    deadline = time.monotonic() + BOUND
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.005)


def labels(number: int, *, role: str = "app", root: str = "/project") -> dict[str, str]:
    return {
        LABEL_PROJECT: "shop",
        LABEL_REVISION: str(number),
        LABEL_ROLE: role,
        LABEL_ROOT: root,
        LABEL_CONTEXT_DIGEST: f"context-{number}",
        LABEL_CONFIG_HASH: f"config-{number}",
    }


def container(
    number: int,
    *,
    status: str = "running",
    role: str = "app",
    root: str = "/project",
    address: str = "",
    published: dict[str, tuple[Backend, ...]] | None = None,
) -> ContainerFacts:
    return ContainerFacts(
        id=f"container-{number}",
        name=f"devbox-shop-r{number}",
        image=f"image-{number}",
        status=status,
        labels=labels(number, role=role, root=root),
        address=address,
        published=published or {},
    )


def image(number: int) -> ImageFacts:
    return ImageFacts(f"image-{number}", labels=labels(number, role="image"), created=float(number))


def identity(name: str) -> Identity:
    return Identity(f"context-{name}", f"config-{name}")


def serving(name: str = "1", *, alive: bool = True, container: str = "c") -> Serving:
    return Serving(
        revision=Revision(1, "image", f"context-{name}", f"config-{name}"),
        container=container,
        name="devbox-shop-r1",
        backends=(Backend("172.17.0.2", 8000),),
        url="http://127.0.0.1:8000",
        alive=alive,
    )


class Said(list[Event]):
    """Every event, in order."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self]


class Nothing:
    """Answers all that the control API asks; `refusal` is raised instead of an answer to an order."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.refusal: Exception | None = None
        self.stopped = False
        self.building = 0
        self.settings = load(Path(), {}, {})

    def status(self) -> models.Status:
        return models.Status(
            project="shop",
            root="/shop",
            state="serving",
            revision=3,
            image="sha256:1",
            container="devbox-shop-r3",
            urls=("http://127.0.0.1:8000",),
            building=self.building,
            failed=4,
            failure=Failure(what="build 4 failed"),
            paused=False,
            rolled_back=False,
            settings_refused="",
            standby=True,
            engine="fake",
            engine_lost=False,
            config_hash="abc",
            version="0",
            pid=1,
            last=self.hub.last,
        )

    def config(self) -> Config:
        return self.settings

    async def rebuild(self, order: models.RebuildOrder) -> models.Begun:
        return self._begun(5 if order.no_cache else 4)

    async def restart(self) -> models.Begun:
        return self._begun(3)

    async def rollback(self, order: models.RollbackOrder) -> models.Begun:
        return self._begun(order.revision or 2)

    async def pause(self) -> models.Watching:
        return models.Watching(paused=True)

    async def resume(self) -> models.Watching:
        return models.Watching(paused=False)

    async def wait(self, order: models.WaitOrder) -> models.Waited:
        return models.Waited(result="serving", revision=3, building=0, failure=None)

    async def revisions(self) -> models.Revisions:
        return models.Revisions(serving=3, kept=(1, 2, 3))

    def stop(self) -> None:
        self.stopped = True

    def kept(self, after: int) -> Iterator[Kept]:
        return self.hub.kept(after)

    def follow(self, after: int) -> AsyncIterator[Kept]:
        return self.hub.follow(after)

    def _begun(self, number: int) -> models.Begun:
        if self.refusal is not None:
            raise self.refusal
        return models.Begun(number=number, after=self.hub.last)
