"""What the rest of devbox may ask of a container engine; the values it gives and gets are in `values`.

Two things implement `Engine`: `docker.DockerEngine` (the real one) and `fake.FakeEngine` (in memory). One
contract suite runs against both. Every method raises only errors of `devbox.errors`: EngineUnreachable
when nothing answers, NotFound, Conflict, PullFailed, PortTaken, or EngineRefused for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol

from devbox.engine.connections import Attached, Connected, Console, Terminal
from devbox.engine.values import (
    BuildRequest,
    ContainerFacts,
    ContainerSpec,
    EngineEvent,
    EngineInfo,
    ExecResult,
    ImageFacts,
    LogLine,
    NetworkFacts,
    PullProgress,
    RegistryLogin,
    SessionOffer,
    VolumeFacts,
)
from devbox.model import NetworkAttachment, RestartPolicy


class Engine(Protocol):
    """A container engine. Cancelling a call's task ends the call and whatever thread carried it."""

    async def info(self) -> EngineInfo:
        """Asks the engine who it is, within 5 seconds; raises EngineUnreachable."""
        ...

    async def close(self) -> None:
        """Ends every stream and thread of this adapter; what runs on the engine stays."""
        ...

    async def image(self, reference: str) -> ImageFacts | None:
        """The image by id or tag, None where the engine has none."""
        ...

    async def images(self, project: str) -> tuple[ImageFacts, ...]:
        """All images labelled with `project`, newest first."""
        ...

    def pull(self, reference: str) -> AsyncIterator[PullProgress]:
        """Pulls an image; raises PullFailed (no such image, no registry, not allowed)."""
        ...

    async def ask_registry(self, reference: str) -> None:
        """Returns where the image's registry, asked by the engine, has it for the user; nothing is pulled.

        Raises PullFailed where it says no, EngineRefused where it could not be asked.
        """
        ...

    async def registries(self) -> frozenset[str]:
        """The hosts of the registries that the user is logged in to, Docker Hub as "docker.io"; raises
        ConfigError where that cannot be read."""
        ...

    async def login(self, registry: str) -> RegistryLogin | None:
        """The user's login to the registry of this host, None where there is none, within 30 seconds; raises
        ConfigError where it cannot be read."""
        ...

    async def remove_image(self, reference: str) -> None:
        """Removes an image (untagged and tagged); gone already is fine; raises Conflict when in use."""
        ...

    def build(self, request: BuildRequest, context: Iterator[bytes]) -> AsyncIterator[Mapping[str, object]]:
        """Sends the context (an uncompressed tar) and gives each JSON message of the answer as it comes.

        Abandoning or cancelling the iterator cancels the build on the engine. An exception raised by
        `context` itself is raised unchanged.
        """
        ...

    async def session(self, offer: SessionOffer, served: asyncio.Protocol) -> Connected:
        """Opens a session: from its return on, BuildKit may speak HTTP/2 to `served` as a client.

        Raises EngineRefused where the engine has no sessions.
        """
        ...

    async def containers(self, project: str) -> tuple[ContainerFacts, ...]:
        """All containers labelled with `project`, running or not, newest first."""
        ...

    async def container(self, container: str) -> ContainerFacts | None:
        """The container by id or name, None where there is none."""
        ...

    async def create(self, spec: ContainerSpec) -> str:
        """Creates a container and returns its id; raises Conflict when the name is taken."""
        ...

    async def attach(self, container: str) -> Attached:
        """Attaches to a container made with `stdin`, before its start; raises NotFound."""
        ...

    async def put_files(self, container: str, tar: bytes) -> None:
        """Unpacks an uncompressed tar at the container's root, running or not, with the owners and modes it
        names; raises NotFound, EngineRefused."""
        ...

    async def rename(self, container: str, name: str) -> None:
        """Gives the container another name; raises Conflict when the name is taken, NotFound."""
        ...

    async def restart_policy(self, container: str, policy: RestartPolicy) -> None:
        """Sets when the engine starts the container again; raises NotFound."""
        ...

    async def exists(self, container: str, path: str) -> bool:
        """Whether the container's file system, mounts aside, has this absolute path (links not followed)."""
        ...

    async def start(self, container: str) -> None:
        """Starts it; raises PortTaken when a port to publish is held by somebody else."""
        ...

    async def stop(self, container: str, grace: float) -> None:
        """Asks it to stop and kills it after `grace` seconds; stopped or gone already is fine."""
        ...

    async def remove_container(self, container: str) -> None:
        """Kills and removes it, and no volume; gone already is fine."""
        ...

    async def wait(self, container: str) -> int:
        """Returns the exit status once the container has ended; raises NotFound when it is removed."""
        ...

    def logs(
        self, container: str, *, follow: bool, tail: int | None = None, since: float = 0.0
    ) -> AsyncIterator[LogLine]:
        """Lines from the first one on (or the last `tail`, or those written `since` so many seconds after the
        epoch); with `follow` until the container ends."""
        ...

    async def exec(
        self, container: str, command: tuple[str, ...], bound: float, user: str = ""
    ) -> ExecResult:
        """Runs a command inside the container within `bound` seconds; past it, exit status 124. `user` is
        the container's own where ''."""
        ...

    async def console(self, container: str, command: tuple[str, ...], terminal: Terminal | None) -> Console:
        """Begins a command in a container that runs, on a terminal of its own where `terminal` is given;
        raises NotFound, Conflict, EngineRefused."""
        ...

    async def volumes(self, project: str) -> tuple[VolumeFacts, ...]:
        """All volumes labelled with `project`."""
        ...

    async def volume(self, name: str) -> VolumeFacts | None:
        """The volume of this name, None where there is none."""
        ...

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the volume unless one of that name exists; an existing one keeps its labels."""
        ...

    async def remove_volume(self, name: str) -> None:
        """Removes the volume; gone already is fine; raises Conflict when in use."""
        ...

    async def networks(self, project: str) -> tuple[NetworkFacts, ...]:
        """All networks labelled with `project`."""
        ...

    async def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the network unless one of that name exists; an existing one keeps its labels."""
        ...

    async def remove_network(self, name: str) -> None:
        """Removes the network; gone already is fine; raises Conflict when a running container is in it."""
        ...

    async def join_again(self, container: str, attachments: tuple[NetworkAttachment, ...]) -> None:
        """Takes the container out of each network and into it again, now with these aliases: it gets other
        addresses, and its open connections there end. Raises NotFound."""
        ...

    async def publisher(self, port: int, protocol: str) -> str:
        """Name of the container that publishes this host port, '' where none does."""
        ...

    async def cancel_build(self, build_id: str) -> None:
        """Asks the engine to end a build; ended already is fine."""
        ...

    def events(self) -> AsyncIterator[EngineEvent]:
        """Container events of objects with our labels; ends (without an exception) when the engine does."""
        ...
