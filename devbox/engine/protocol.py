"""What the rest of devbox may ask of a container engine, and the frozen values it gets back.

Two things implement `Engine`: `docker.DockerEngine` (the real one) and `fake.FakeEngine` (in memory). One
contract suite runs against both. Every method raises only errors of `devbox.errors`: EngineUnreachable
when nothing answers, NotFound, Conflict, PullFailed, PortTaken, or EngineRefused for anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from devbox.engine.connections import Attached, Connected, Console, Terminal
from devbox.model import Backend, PortMapping, VolumeMount


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine that answered.

    `buildkit` is true where `POST /build?version=2` takes a tar body; `reaches_containers` where a
    container's own address can be dialled from this machine; otherwise its ports must be published,
    and `publish_host` is the address at which they then answer. `storage` is where it keeps images, on its
    own machine, `clock` the time that it had when it answered, in seconds since the epoch; '' and 0 where it
    does not tell.
    """

    name: str
    version: str
    api_version: str
    address: str
    buildkit: bool
    reaches_containers: bool
    publish_host: str = "127.0.0.1"
    image_store: str = ""
    storage: str = ""
    clock: float = 0.0


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image as the engine knows it; `id` is its content id, `created` seconds since the epoch, `triggers`
    the ONBUILD instructions that a build from it begins with."""

    id: str
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0
    exposed: tuple[PortMapping, ...] = ()
    volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    working_directory: str = ""
    user: str = ""
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything a container is created from.

    `ports` are the container ports to publish on the host (empty behind the gate where the container's
    own address is reachable). `init` puts a reaping PID 1 in front of the command. `entrypoint` and
    `command` are the image's own where None (but an `entrypoint` leaves no command of the image's),
    `working_directory` and `user` where ''. `stdin` opens its standard input for the one client that
    attaches, and closes it when that client leaves.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()
    ports: tuple[PortMapping, ...] = ()
    command: tuple[str, ...] | None = None
    init: bool = True
    entrypoint: tuple[str, ...] | None = None
    working_directory: str = ""
    user: str = ""
    stdin: bool = False


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """A container as the engine knows it.

    `status` is the engine's word ("created", "running", "exited", …). `address` is its own address on its
    first network, '' while it has none. `published` maps "8000/tcp" to where the engine published it.
    """

    id: str
    name: str
    image: str
    status: str
    labels: Mapping[str, str] = field(default_factory=dict)
    exit_status: int = 0
    out_of_memory: bool = False
    address: str = ""
    published: Mapping[str, tuple[Backend, ...]] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A named volume."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Progress of a pull: bytes over all layers known so far, and the engine's word for what it does."""

    status: str
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a container wrote, without its line end, undecodable bytes replaced."""

    stream: Literal["stdout", "stderr"]
    line: str


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command run inside a container gave back; `output` is both streams, decoded."""

    exit_status: int
    output: str


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something happened to a container: `action` is the engine's word ("die", "oom", "start", …)."""

    action: str
    container: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build. `buildkit` chooses the builder; `build_id` names it for `cancel_build`, `session` the open
    session that BuildKit may ask, '' for none. With `fetches` it asks there for the context too, and takes
    none from the request."""

    build_id: str
    tag: str
    dockerfile: str
    labels: Mapping[str, str]
    target: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False
    network: str = ""
    buildkit: bool = True
    session: str = ""
    fetches: bool = False


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Who the user is to a registry; without a name, `secret` is a token that stands for both."""

    username: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionOffer:
    """What a session tells BuildKit of itself: `methods` are the paths of the gRPC methods it answers,
    `shared_key` the same for sessions whose transferred files may be reused."""

    id: str
    name: str
    methods: tuple[str, ...]
    shared_key: str = ""


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

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates the volume unless one of that name exists; an existing one keeps its labels."""
        ...

    async def remove_volume(self, name: str) -> None:
        """Removes the volume; gone already is fine; raises Conflict when in use."""
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
