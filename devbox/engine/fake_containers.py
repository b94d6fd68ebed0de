"""The containers of the fake engine, by id and by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from devbox.engine.fake_container import FakeContainer
from devbox.engine.fake_images import FakeImages
from devbox.engine.values import ContainerSpec
from devbox.errors import ConfigError, Conflict, NotFound, PortTaken
from devbox.model import LABEL_PROJECT


class FakeContainers:
    """Every container there is, running or not; `taken_ports` are host ports that somebody else holds."""

    def __init__(self, images: FakeImages) -> None:
        self.taken_ports: set[int] = set()
        self._images = images
        self._known: dict[str, FakeContainer] = {}
        self._count = 0

    def __iter__(self) -> Iterator[FakeContainer]:
        return iter(tuple(self._known.values()))

    def of(self, project: str) -> list[FakeContainer]:
        """The project's containers, newest first."""
        return [known for known in reversed(tuple(self)) if known.labels.get(LABEL_PROJECT) == project]

    def find(self, container: str) -> FakeContainer | None:
        """The container by id or name, None where there is none."""
        named = (known for known in self if known.name == container)
        return self._known.get(container) or next(named, None)

    def existing(self, container: str) -> FakeContainer:
        """The container by id or name; raises NotFound."""
        known = self.find(container)
        if known is None:
            raise NotFound(f"no container {container}", cause=f"No such container: {container}")
        return known

    async def create(self, spec: ContainerSpec) -> FakeContainer:
        """Makes a container; raises Conflict, NotFound (no image), ConfigError (nothing to mount)."""
        what = f"cannot create container {spec.name}"
        image = self._images.find(spec.image)
        if image is None:
            raise NotFound(what, cause=f"No such image: {spec.image}")
        self._refuse_taken(what, spec.name)
        for mount in spec.mounts:
            if mount.kind == "bind" and not await asyncio.to_thread(Path(mount.source).exists):
                raise ConfigError(
                    what, cause=f"bind source path does not exist: {mount.source}", hint="create it"
                )
        self._count += 1
        made = FakeContainer(self._count, spec, *image)
        self._known[made.id] = made
        return made

    def rename(self, container: str, name: str) -> FakeContainer:
        """Gives a container another name; raises Conflict, NotFound."""
        known = self.existing(container)
        self._refuse_taken(f"cannot rename {known.name}", name)
        known.name = name
        return known

    def remove(self, container: FakeContainer) -> None:
        """Forgets a container."""
        self._known.pop(container.id, None)

    def refuse_taken_ports(self, spec: ContainerSpec) -> None:
        """Raises PortTaken for a port that somebody else holds or another container publishes."""
        for mapping in spec.ports:
            port = mapping.host_port
            if port and (port in self.taken_ports or self.publisher(port, mapping.protocol)):
                raise PortTaken(
                    f"port {port} is taken",
                    cause=f"Bind for {mapping.host_ip}:{port} failed: port is already allocated",
                )

    def publisher(self, port: int, protocol: str) -> str:
        """Name of the container that publishes this host port, '' where none does."""
        for known in self:
            for key, places in known.facts().published.items():
                if key.endswith(f"/{protocol}") and any(place.port == port for place in places):
                    return known.name
        return ""

    def _refuse_taken(self, what: str, name: str) -> None:
        if self.find(name) is not None:
            raise Conflict(what, cause="the name is in use")
