"""What exists on the engine, read back from its labels: the engine is the memory.

Pure but for `recall`, and for `refuse_foreign_project`, which looks whether a folder is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devbox.config import Config
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, ImageFacts
from devbox.errors import ConfigError
from devbox.model import (
    LABEL_BEFORE_START,
    LABEL_CONFIG_HASH,
    LABEL_CONTEXT_DIGEST,
    LABEL_REVISION,
    LABEL_ROLE,
    LABEL_ROOT,
    Backend,
    Revision,
)
from devbox.release.spec import ROLE_APP, ROLE_STANDBY, revision_in_name


@dataclass(frozen=True, slots=True)
class Memory:
    """Every container and image of a project, newest revision first; `held` are images that containers were
    really created from."""

    containers: tuple[ContainerFacts, ...]
    images: tuple[ImageFacts, ...]
    foreign: tuple[ContainerFacts, ...] = ()
    held: frozenset[str] = frozenset()

    @property
    def last_number(self) -> int:
        """The highest revision number any object carries, 0 where there is none."""
        labels = [*(item.labels for item in self.containers), *(item.labels for item in self.images)]
        return max((revision_number(each) for each in labels), default=0)


async def recall(engine: Engine, config: Config) -> Memory:
    """Reads the project's containers and images back from the engine; those of another folder that uses the
    same name are `foreign`."""
    containers, images = await asyncio.gather(
        engine.containers(config.project), engine.images(config.project)
    )
    held = frozenset(item.image for item in containers)
    containers = tuple(_as_released(item, images, config) for item in containers)
    containers = tuple(sorted(containers, key=lambda item: revision_number(item.labels), reverse=True))
    images = tuple(sorted(images, key=lambda item: revision_number(item.labels), reverse=True))
    return Memory(
        tuple(item for item in containers if is_ours(item.labels, config)),
        tuple(item for item in images if is_ours(item.labels, config)),
        tuple(item for item in containers if not is_ours(item.labels, config)),
        held,
    )


def _as_released(container: ContainerFacts, images: Iterable[ImageFacts], config: Config) -> ContainerFacts:
    """A container that stood by and was told to go, with the labels of the revision that it became: its own
    are those of the revision before, and cannot be changed."""
    number = revision_in_name(container.name, config.project)
    if container.labels.get(LABEL_ROLE) != ROLE_STANDBY or not number:
        return container
    for image in images:
        if revision_number(image.labels) == number:
            record = {LABEL_BEFORE_START: container.labels.get(LABEL_BEFORE_START, "")}
            labels = {**image.labels, **record, LABEL_ROLE: ROLE_APP}
            return replace(container, image=image.id, labels=labels)
    return container


def is_ours(labels: Mapping[str, str], config: Config) -> bool:
    """True unless another folder, one that still exists, uses the same project name for this object."""
    other = labels.get(LABEL_ROOT, "")
    return not other or other == str(config.root) or not Path(other).is_dir()


def revision_number(labels: Mapping[str, str]) -> int:
    """The revision that an object's labels name, 0 where they name none."""
    text = labels.get(LABEL_REVISION, "")
    return int(text) if text.isdecimal() else 0


def revision_of(container: ContainerFacts) -> Revision:
    """The revision a container of ours runs."""
    return Revision(
        number=revision_number(container.labels),
        image=container.image,
        context_digest=container.labels.get(LABEL_CONTEXT_DIGEST, ""),
        config_hash=container.labels.get(LABEL_CONFIG_HASH, ""),
    )


def serving_container(memory: Memory, pointed: Iterable[Backend]) -> ContainerFacts | None:
    """The container that the gate points at, else the newest one that runs, else None."""
    running = [item for item in memory.containers if item.running and item.labels.get(LABEL_ROLE) == ROLE_APP]
    pointed = tuple(pointed)
    for item in running:
        # A port is dialled at another address than it is published on: 127.0.0.1 for 0.0.0.0.
        published = {each.port for many in item.published.values() for each in many}
        if any(
            backend.host in (item.address, *item.addresses) or backend.port in published
            for backend in pointed
        ):
            return item
    return running[0] if running else None


def refuse_foreign_project(memory: Memory, config: Config) -> None:
    """Raises ConfigError where a folder that still exists elsewhere uses the same project name."""
    if memory.foreign:
        raise ConfigError(
            f"the project name '{config.project}' is taken",
            cause=f"{memory.foreign[0].labels[LABEL_ROOT]} uses it",
            hint='set project = "another-name" in devbox.toml, or devbox down there',
        )


def superseded_images(memory: Memory, serving: Iterable[str], keep: int) -> tuple[str, ...]:
    """The ids of our own images that nobody needs: all but the newest `keep` and those that serve."""
    needed = set(serving) | {item.image for item in memory.containers} | memory.held
    return tuple(item.id for item in memory.images[keep:] if item.id not in needed)
