"""`FakeEngine`: an engine in memory that keeps the protocol's promises, for tests without an engine.

Its containers run no code: what they do is their image's `Behaviour`, and they really answer on loopback
addresses (127.0.0.2 and on, which Linux has and macOS does not). The contract suite holds it to the real
engine.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from devbox.engine.connections import Terminal
from devbox.engine.fake_builder import FakeBuilder
from devbox.engine.fake_console import FakeConsole
from devbox.engine.fake_container import Behaviour, FakeContainer
from devbox.engine.fake_containers import FakeContainers
from devbox.engine.fake_images import FakeBuild
from devbox.engine.fake_presence import Listeners
from devbox.engine.fake_streams import FakeStreams, paths_in
from devbox.engine.values import (
    ContainerFacts,
    ContainerSpec,
    EngineEvent,
    EngineInfo,
    ExecResult,
    LogLine,
    NetworkFacts,
    VolumeFacts,
)
from devbox.errors import Conflict, NotFound
from devbox.model import LABEL_PROJECT, NetworkAttachment, RestartPolicy

__all__ = ["Behaviour", "FakeBuild", "FakeEngine"]


class FakeEngine(FakeBuilder):
    """An engine in memory. `add_image`, `registry`, `builds`, `taken_ports`, `lose` and `restore` script it.

    `builds` are the answers to builds in order, the last one stays. `registry` are the images that can be
    pulled, unless it is `offline`. `journal` holds every change in words ("start web-2"), `cancelled` the
    ids of ended builds, `sessions` every session so far. `logins` are the user's, by the registry's host.
    """

    def __init__(self, info: EngineInfo | None = None) -> None:
        super().__init__()
        self.identity = info or EngineInfo("Fake", "1.0", "1.51", "fake://", True, True)
        self._containers = FakeContainers(self.store)
        self.taken_ports = self._containers.taken_ports
        self._volumes: dict[str, VolumeFacts] = {}
        self._networks: dict[str, NetworkFacts] = {}
        self._listeners = Listeners()

    def lose(self) -> None:
        """The engine goes away: calls fail, streams break, events end."""
        self._presence.lose()
        self._listeners.end()
        for session in self.sessions:
            session.break_off()

    def restore(self) -> None:
        """The engine is back, with everything it had."""
        self._presence.restore()

    async def end(self, container: str, exit_status: int, *, out_of_memory: bool = False) -> None:
        """A running container ends by itself."""
        found = self._containers.existing(container)
        await found.end(exit_status, out_of_memory=out_of_memory)
        self._listeners.tell("die", found)

    def scripted(self, container: str) -> FakeContainer:
        """The container itself, for what no engine would be asked."""
        return self._containers.existing(container)

    def tell(self, action: str, container: str) -> None:
        """Tells those who listen of something that happened to a container."""
        self._listeners.tell(action, self.scripted(container))

    async def kill_a_child(self, container: str) -> None:
        """A process of a container is killed for the container's memory, and the container runs on."""
        self.tell("oom", container)

    async def say(self, container: str, line: str, stream: str = "stdout") -> None:
        """A container writes a line."""
        await self._containers.existing(container).say(line, stream)

    async def info(self) -> EngineInfo:
        """The identity it was made with."""
        self._presence.check()
        return self.identity

    async def close(self) -> None:
        """Stops answering and ends every container's server."""
        self._presence.closed = True
        self.lose()
        for container in self._containers:
            await container.end()

    async def remove_image(self, reference: str) -> None:
        """Removes a tag, and the image with its last one; raises Conflict when in use."""
        self._presence.check()
        used = {container.facts().image for container in self._containers}
        if self.store.remove(reference, used):
            self.journal.append(f"remove image {reference}")

    async def containers(self, project: str) -> tuple[ContainerFacts, ...]:
        """All containers labelled with `project`, newest first."""
        self._presence.check()
        return tuple(known.facts() for known in self._containers.of(project))

    async def container(self, container: str) -> ContainerFacts | None:
        """The container by id or name, None where there is none."""
        self._presence.check()
        known = self._containers.find(container)
        return known.facts() if known else None

    async def create(self, spec: ContainerSpec) -> str:
        """Creates a container; raises Conflict, NotFound (no image), ConfigError (nothing to mount)."""
        self._presence.check()
        for network in spec.networks:
            if network.name != "bridge" and network.name not in self._networks:
                raise NotFound(
                    f"cannot create container {spec.name}", cause=f"network {network.name} not found"
                )
        made = await self._containers.create(spec)
        for mounted in made.facts().mounts:
            if mounted.kind == "volume":
                self._volumes.setdefault(mounted.source, VolumeFacts(mounted.source))
        self._note("create", made)
        return made.id

    async def attach(self, container: str) -> FakeStreams:
        """Attaches to a container made with `stdin`."""
        self._presence.check()
        return FakeStreams(self._containers.existing(container), self._presence, self._listeners)

    async def put_files(self, container: str, tar: bytes) -> None:
        """Remembers the paths of what is unpacked; raises EngineRefused for what is no tar."""
        self._presence.check()
        self._containers.existing(container).files |= paths_in(tar)

    async def rename(self, container: str, name: str) -> None:
        """Gives the container another name; raises Conflict when the name is taken."""
        self._presence.check()
        self._note("rename", self._containers.rename(container, name))

    async def exists(self, container: str, path: str) -> bool:
        """Whether `put_files` put it there."""
        self._presence.check()
        return path in self._containers.existing(container).files

    async def start(self, container: str) -> None:
        """Starts it; raises PortTaken for a port in `taken_ports` or published by another container."""
        self._presence.check()
        known = self._containers.existing(container)
        self._containers.refuse_taken_ports(known.spec)
        await known.start()
        self._note("start", known)
        if known.status == "exited":
            self._listeners.tell("die", known)

    async def stop(self, container: str, grace: float) -> None:  # noqa: ARG002 - it obeys at once
        """Stops it; stopped or gone already is fine."""
        self._presence.check()
        known = self._containers.find(container)
        if known is not None and known.status == "running":
            await known.end(143)
            self._listeners.tell("die", known)
            self._note("stop", known)

    async def remove_container(self, container: str) -> None:
        """Kills and removes it; gone already is fine."""
        self._presence.check()
        known = self._containers.find(container)
        if known is None:
            return
        running = known.status == "running"
        await known.remove()
        if running:
            self._listeners.tell("die", known)
        self._containers.remove(known)
        self._note("destroy", known)

    async def wait(self, container: str) -> int:
        """The exit status once it has ended."""
        self._presence.check()
        known = self._containers.existing(container)
        await self._presence.unless_gone(known.ended())
        return known.exit_status

    async def logs(
        self,
        container: str,
        *,
        follow: bool,
        tail: int | None = None,
        since: float = 0.0,
    ) -> AsyncGenerator[LogLine, None]:
        """Lines from the first one on (or the last `tail`, or those `since` then); with `follow` until it
        ends."""
        self._presence.check()
        lines = self._containers.existing(container).lines(follow, tail, since)
        while (line := await self._presence.unless_gone(anext(lines, None))) is not None:
            yield line

    async def exec(
        self,
        container: str,
        command: tuple[str, ...],
        bound: float,
        user: str = "",  # noqa: ARG002 - a fake container has no users
    ) -> ExecResult:
        """What the behaviour says of the command; one that never ends gives 124 after `bound` seconds."""
        self._presence.check()
        known = self._containers.existing(container)
        self.journal.append(f"exec {known.name}: {' '.join(command)}")
        return await self._presence.unless_gone(known.execute(command, bound))

    async def console(
        self,
        container: str,
        command: tuple[str, ...],
        terminal: Terminal | None,  # noqa: ARG002 - what it says is the same on one
    ) -> FakeConsole:
        """What the behaviour says of the command, said at once."""
        self._presence.check()
        known = self._containers.existing(container)
        if known.status != "running":
            raise Conflict(f"cannot run a command in {known.name}", cause="the container is not running")
        return FakeConsole(await known.execute(command, 0.0))

    async def volumes(self, project: str) -> tuple[VolumeFacts, ...]:
        """All volumes labelled with `project`."""
        self._presence.check()
        return tuple(known for known in self._volumes.values() if known.labels.get(LABEL_PROJECT) == project)

    async def volume(self, name: str) -> VolumeFacts | None:
        """The volume of this name, None where there is none."""
        self._presence.check()
        return self._volumes.get(name)

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the volume unless one of that name exists."""
        self._presence.check()
        self._volumes.setdefault(name, VolumeFacts(name, dict(labels)))

    async def remove_volume(self, name: str) -> None:
        """Removes the volume; gone already is fine; raises Conflict when a container has it."""
        self._presence.check()
        for known in self._containers:
            if any(mount.source == name for mount in known.facts().mounts):
                raise Conflict(f"cannot remove volume {name}", cause=f"{known.name} uses it")
        self._volumes.pop(name, None)

    async def networks(self, project: str) -> tuple[NetworkFacts, ...]:
        """All networks labelled with `project`."""
        self._presence.check()
        used = {name for container in self._containers for name in container.networks}
        return tuple(
            replace(known, used=known.name in used)
            for known in self._networks.values()
            if known.labels.get(LABEL_PROJECT) == project
        )

    async def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the network unless one of that name exists."""
        self._presence.check()
        self._networks.setdefault(name, NetworkFacts(name, dict(labels)))

    async def remove_network(self, name: str) -> None:
        """Removes the network; gone already is fine; raises Conflict when a running container is in it."""
        self._presence.check()
        for known in self._containers:
            if known.status == "running" and name in known.networks:
                raise Conflict(f"cannot remove network {name}", cause=f"{known.name} is in it")
        self._networks.pop(name, None)

    async def join_again(self, container: str, attachments: tuple[NetworkAttachment, ...]) -> None:
        """Gives the container these aliases."""
        self._presence.check()
        known = self._containers.existing(container)
        known.networks |= {network.name: network.aliases for network in attachments}
        self._note("join again", known)

    async def restart_policy(self, container: str, policy: RestartPolicy) -> None:
        """Remembers the policy; a fake container is started again by the test."""
        self._presence.check()
        self._containers.existing(container).restart = policy

    async def publisher(self, port: int, protocol: str) -> str:
        """Name of the container that publishes this host port, '' where none does."""
        self._presence.check()
        return self._containers.publisher(port, protocol)

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        """Container events of objects with our labels; ends when the engine goes away."""
        self._presence.check()
        async for event in self._listeners.events():
            yield event

    def _note(self, action: str, container: FakeContainer) -> None:
        self.journal.append(f"{action} {container.name}")
        self._listeners.tell(action, container)
