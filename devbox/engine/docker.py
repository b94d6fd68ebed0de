"""`DockerEngine`: the protocol over the docker SDK and the Engine API.

Every method runs its blocking part (`objects`, `streams`) on a thread of `calls`; what the engine answers
is read by `facts`, what it refuses with by `translate`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from functools import partial

from devbox.engine import facts, handshake, logins, networks, objects, streams
from devbox.engine.adapter import Adapter
from devbox.engine.address import Address
from devbox.engine.attach import Attachments
from devbox.engine.connections import Attached, Console, Terminal
from devbox.engine.console import Consoles
from devbox.engine.handover import HandedOver, Handovers
from devbox.engine.transport import Transport
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
from devbox.errors import ConfigError, EngineError, NotFound
from devbox.model import NetworkAttachment, RestartPolicy

# The newest version of the API that this adapter was tested with (engine 28.5), and the oldest it speaks.
_NEWEST_API = "1.51"
_OLDEST_API = "1.24"
# A build is cancelled by its closed connection; to ask for it besides must not hold anybody up.
_CANCEL_SECONDS = 0.15
_TIMED_OUT = 124
# A credential helper may ask the system's keyring, and that the user.
_LOGIN_SECONDS = 30.0


class DockerEngine(Adapter):
    """The engine at one address; `devbox.engine.connect` makes it."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, _OLDEST_API)
        self._attachments = Attachments(self._calls)
        self._handovers = Handovers(self._calls)
        self._consoles = Consoles(self._calls)
        # Of these nobody needs to ask whether they were.
        self._started: set[str] = set()

    async def negotiate(self) -> None:
        """Agrees with the engine on the API's version, within 5 seconds; raises EngineUnreachable."""
        headers = await self._soon(partial(handshake.ping, self._transport))
        version = min(headers.get("Api-Version", _OLDEST_API), _NEWEST_API, key=facts.version_numbers)
        asked, self._transport = self._transport, Transport(self._address, version)
        asked.close()

    async def info(self) -> EngineInfo:
        """Asks the engine who it is, within 5 seconds; raises EngineUnreachable."""
        return await self._soon(partial(handshake.who, self._transport))

    async def close(self) -> None:
        """Ends every stream and thread of this adapter; what runs on the engine stays."""
        await self._calls.close()
        await self._attachments.close()
        await self._handovers.close()
        await self._consoles.close()
        self._transport.close()

    async def image(self, reference: str) -> ImageFacts | None:
        """The image by id or tag, None where the engine has none."""
        return await self._do(f"cannot look at image {reference}", objects.image, reference)

    async def images(self, project: str) -> tuple[ImageFacts, ...]:
        """All images labelled with `project`, newest first."""
        return await self._do("cannot list images", objects.images, project)

    def pull(self, reference: str) -> AsyncIterator[PullProgress]:
        """Pulls an image; raises PullFailed (no such image, no registry, not allowed)."""
        return self._calls.stream(partial(streams.pull, self._transport, reference))

    async def ask_registry(self, reference: str) -> None:
        """Returns where the registry has the image for the user; raises PullFailed, EngineRefused."""
        await self._do(f"cannot ask for {reference}", objects.ask_registry, reference)

    async def registries(self) -> frozenset[str]:
        """The hosts of the registries that the user is logged in to; raises ConfigError."""
        return await self._calls.run(logins.registries)

    async def login(self, registry: str) -> RegistryLogin | None:
        """The user's login to a registry, None where there is none, within 30 seconds; raises ConfigError."""
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                return await self._calls.run(partial(logins.login, registry))
        except TimeoutError as error:
            raise ConfigError(
                f"the login for {registry} in the docker configuration cannot be read",
                cause=f"the credential helper did not answer within {_LOGIN_SECONDS:g}s",
            ) from error

    async def remove_image(self, reference: str) -> None:
        """Removes an image (untagged and tagged); gone already is fine; raises Conflict when in use."""
        await self._do(f"cannot remove image {reference}", objects.remove_image, reference)

    async def build(
        self, request: BuildRequest, context: Iterator[bytes]
    ) -> AsyncGenerator[Mapping[str, object], None]:
        """Sends the context (an uncompressed tar) and gives each JSON message of the answer as it comes.

        Abandoning or cancelling the iterator cancels the build on the engine. An exception raised by
        `context` itself is raised unchanged.
        """
        ended = False
        messages = self._calls.stream(partial(streams.build, self._transport, request, context))
        try:
            async for message in messages:
                yield message
            ended = True
        finally:
            await messages.aclose()
            if request.buildkit and not ended:
                # The closed connection has cancelled it already, except behind proxies that keep theirs.
                with contextlib.suppress(EngineError, TimeoutError):
                    async with asyncio.timeout(_CANCEL_SECONDS):
                        await self.cancel_build(request.build_id)

    async def cancel_build(self, build_id: str) -> None:
        """Asks the engine to end a build; ended already is fine."""
        with contextlib.suppress(NotFound):
            await self._calls.run(partial(streams.cancel_build, self._transport, build_id))

    async def session(self, offer: SessionOffer, served: asyncio.Protocol) -> HandedOver:
        """Opens a session that `served` answers on; raises EngineRefused where the engine has none."""
        return await self._handovers.open(self._transport, offer, served)

    async def containers(self, project: str) -> tuple[ContainerFacts, ...]:
        """All containers labelled with `project`, running or not, newest first."""
        return await self._do("cannot list containers", objects.containers, project)

    async def container(self, container: str) -> ContainerFacts | None:
        """The container by id or name, None where there is none."""
        return await self._do(
            f"cannot look at container {facts.short(container)}", objects.container, container
        )

    async def create(self, spec: ContainerSpec) -> str:
        """Creates a container and returns its id.

        Raises Conflict when the name is taken, NotFound when the image is not there, ConfigError when a
        path to mount is not.
        """
        return await self._do(f"cannot create container {spec.name}", objects.create, spec)

    async def attach(self, container: str) -> Attached:
        """Attaches to a container made with `stdin`, before its start; raises NotFound."""
        return await self._attachments.open(self._transport, container)

    async def put_files(self, container: str, tar: bytes) -> None:
        """Unpacks an uncompressed tar at the container's root, running or not, with its owners and modes."""
        await self._do(f"cannot put files into {facts.short(container)}", objects.put_files, container, tar)

    async def rename(self, container: str, name: str) -> None:
        """Gives the container another name; raises Conflict when the name is taken, NotFound."""
        await self._do(f"cannot rename {facts.short(container)}", objects.rename, container, name)

    async def restart_policy(self, container: str, policy: RestartPolicy) -> None:
        """Sets when the engine starts the container again; raises NotFound."""
        await self._do(
            f"cannot set the restart policy of {facts.short(container)}",
            objects.restart_policy,
            container,
            policy,
        )

    async def exists(self, container: str, path: str) -> bool:
        """Whether the container's file system, mounts aside, has this absolute path (links not followed)."""
        return await self._do(f"cannot look into {facts.short(container)}", objects.exists, container, path)

    async def start(self, container: str) -> None:
        """Starts it.

        Raises PortTaken when a port to publish is held by somebody else (`cause` is the engine's text),
        StartFailed when its command cannot be run at all.
        """
        await self._do(f"cannot start container {facts.short(container)}", objects.start, container)
        self._started.add(container)

    async def stop(self, container: str, grace: float) -> None:
        """Asks it to stop and kills it after `grace` seconds; stopped or gone already is fine."""
        await self._do(f"cannot stop container {facts.short(container)}", objects.stop, container, grace)

    async def remove_container(self, container: str) -> None:
        """Kills and removes it, and no volume; gone already is fine."""
        self._started.discard(container)
        await self._do(
            f"cannot remove container {facts.short(container)}", objects.remove_container, container
        )

    async def wait(self, container: str) -> int:
        """Returns the exit status once the container has ended; raises NotFound when it is removed."""
        started = container in self._started
        return await self._calls.run(partial(streams.wait, self._transport, container, started))

    def logs(
        self, container: str, *, follow: bool, tail: int | None = None, since: float = 0.0
    ) -> AsyncIterator[LogLine]:
        """Lines from the first one on (or the last `tail`, or those written `since` so many seconds after the
        epoch); with `follow` until the container ends."""
        started = container in self._started
        return self._calls.stream(
            partial(streams.logs, self._transport, container, follow, tail, since, started)
        )

    async def console(self, container: str, command: tuple[str, ...], terminal: Terminal | None) -> Console:
        """Begins a command in a container that runs, on a terminal of its own where `terminal` is given."""
        return await self._consoles.open(self._transport, container, command, terminal)

    async def exec(
        self, container: str, command: tuple[str, ...], bound: float, user: str = ""
    ) -> ExecResult:
        """Runs a command inside the container within `bound` seconds; past it, exit status 124.

        The engine has no way to end such a command: past its bound it is left to itself.
        """
        output, status = bytearray(), _TIMED_OUT
        parts = self._calls.stream(partial(streams.execute, self._transport, container, command, user))
        try:
            async with asyncio.timeout(bound):
                async for part in parts:
                    if isinstance(part, int):
                        status = part
                    else:
                        output += part
        except TimeoutError:
            pass
        finally:
            await parts.aclose()
        return ExecResult(status, output.decode("utf-8", "replace"))

    async def volumes(self, project: str) -> tuple[VolumeFacts, ...]:
        """All volumes labelled with `project`."""
        return await self._do("cannot list volumes", objects.volumes, project)

    async def volume(self, name: str) -> VolumeFacts | None:
        """The volume of this name, None where there is none."""
        return await self._do(f"cannot look up volume {name}", objects.volume, name)

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the volume unless one of that name exists; an existing one keeps its labels."""
        await self._do(f"cannot create volume {name}", objects.ensure_volume, name, labels)

    async def remove_volume(self, name: str) -> None:
        """Removes the volume; gone already is fine; raises Conflict when in use."""
        await self._do(f"cannot remove volume {name}", objects.remove_volume, name)

    async def networks(self, project: str) -> tuple[NetworkFacts, ...]:
        """All networks labelled with `project`."""
        return await self._do("cannot list networks", networks.networks, project)

    async def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the network unless one of that name exists; an existing one keeps its labels."""
        await self._do(f"cannot create network {name}", networks.ensure_network, name, labels)

    async def remove_network(self, name: str) -> None:
        """Removes the network; gone already is fine; raises Conflict when a running container is in it."""
        await self._do(f"cannot remove network {name}", networks.remove_network, name)

    async def join_again(self, container: str, attachments: tuple[NetworkAttachment, ...]) -> None:
        """Takes the container out of each network and into it again, now with these aliases."""
        what = f"cannot connect {facts.short(container)} to its networks"
        await self._do(what, networks.join_again, container, attachments)

    async def publisher(self, port: int, protocol: str) -> str:
        """Name of the container that publishes this host port, '' where none does."""
        return await self._do("cannot list containers", objects.publisher, port, protocol)

    def events(self) -> AsyncIterator[EngineEvent]:
        """Container events of objects with our labels; ends (without an exception) when the engine does."""
        return self._calls.stream(partial(streams.events, self._transport))
