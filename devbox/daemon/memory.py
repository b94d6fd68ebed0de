"""What exists on the engine, read back from its labels: the engine is the memory.

Pure but for `recall` and `is_ours`, which looks whether a folder is there, and who runs it.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devbox.config import Config
from devbox.daemon.lock import holder, runtime_directory
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, ImageFacts
from devbox.errors import AlreadyRunning, ConfigError
from devbox.model import (
    LABEL_BEFORE_START,
    LABEL_CONFIG_HASH,
    LABEL_CONTEXT_DIGEST,
    LABEL_REVISION,
    LABEL_ROLE,
    LABEL_ROOT,
    LABEL_USER,
    Backend,
    Revision,
)
from devbox.place import split
from devbox.release.spec import ROLE_APP, ROLE_IMAGE, ROLE_STANDBY, revision_in_name


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
    containers = tuple(_as_released(item, images, config) for item in containers if was_made(item))
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
            kept = {name: container.labels.get(name, "") for name in (LABEL_USER, LABEL_BEFORE_START)}
            return replace(container, image=image.id, labels={**image.labels, **kept, LABEL_ROLE: ROLE_APP})
    return container


def was_made(container: ContainerFacts) -> bool:
    """Whether devbox made a container, and not somebody else from one of its images, whose labels it has."""
    return container.labels.get(LABEL_ROLE) != ROLE_IMAGE


def is_ours(labels: Mapping[str, str], config: Config) -> bool:
    """True unless another user uses the same project name for this object, or another folder, one that still
    exists or that a devbox still runs."""
    if user_of(labels) is not None:
        return False
    if of_place(labels, config):
        return True
    other = labels[LABEL_ROOT]
    return not split(Path(other))[0].is_dir() and holder(runtime_directory(Path(other))) is None


def of_place(labels: Mapping[str, str], config: Config) -> bool:
    """Whether this very place made an object, and not a folder of the same project name that is gone: that
    may have held another program."""
    return labels.get(LABEL_ROOT, "") in ("", str(config.place))


def running_elsewhere(containers: Iterable[ContainerFacts], config: Config) -> tuple[str, ...]:
    """The other folders that run under the project's name."""
    foreign = (item for item in containers if item.running and not is_ours(item.labels, config))
    return tuple(sorted({item.labels.get(LABEL_ROOT, "") for item in foreign} - {"", str(config.place)}))


def user_of(labels: Mapping[str, str]) -> str | None:
    """The name of the other user whose devbox made this object; None for our own, and where none is told."""
    number = labels.get(LABEL_USER, "")
    if not number.isdecimal() or int(number) == os.getuid():
        return None
    try:
        return pwd.getpwuid(int(number)).pw_name
    except KeyError:
        return number


def other_user(memory: Memory, config: Config) -> str | None:
    """The name of another user who runs the very same folder; None where nobody does."""
    here = (item for item in memory.foreign if item.labels.get(LABEL_ROOT) == str(config.place))
    return next(filter(None, (user_of(item.labels) for item in here)), None)


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
    """Raises ConfigError where another folder uses the same project name, AlreadyRunning where another user
    runs this one."""
    user = other_user(memory, config)
    if user is not None:
        hint = f"work in a folder of your own, or run devbox down as {user}"
        raise AlreadyRunning(f"user {user} runs this project", hint=hint)
    if memory.foreign:
        root = memory.foreign[0].labels[LABEL_ROOT]
        raise ConfigError(
            f"the project name '{config.project}' is taken",
            cause=f"{root} runs under it",
            hint=f'set project = "another-name" in devbox.toml, or devbox down {shlex.quote(root)}',
        )


def superseded_images(
    memory: Memory, serving: Iterable[str], keep: int, fit: Callable[[int], bool] = lambda _: True
) -> tuple[str, ...]:
    """The ids of our own images that nobody needs: all but those that serve, the newest `keep` of those that
    are `fit` to serve again, and the very newest, which may be about to."""
    needed = set(serving) | {item.image for item in memory.containers} | memory.held
    kept = [item.id for item in memory.images if fit(revision_number(item.labels))][:keep]
    needed |= {*kept, *(item.id for item in memory.images[:1])}
    return tuple(item.id for item in memory.images if item.id not in needed)
