"""Values of the daemon's room, and a way to wait for a state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from devbox.daemon.work import Identity, Serving
from devbox.engine.values import ContainerFacts, ImageFacts
from devbox.events import Event
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
