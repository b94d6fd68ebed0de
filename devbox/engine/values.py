"""The frozen values that `protocol.Engine` takes and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devbox.model import Backend, HealthCheck, NetworkAttachment, PortMapping, RestartPolicy, VolumeMount


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
    the ONBUILD instructions that a build from it begins with, `health_interval` the seconds between two runs
    of its `healthcheck`, 0 where it leaves them to the engine."""

    id: str
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0
    exposed: tuple[PortMapping, ...] = ()
    volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    health_interval: float = 0.0
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
    attaches, and closes it when that client leaves. Without `networks` it is in the engine's default one.
    `tmpfs` maps targets to mount options, `memory` is a limit in bytes, `cpus` one of processors, 0 for none;
    `stop_signal` '' and `health` None are the image's own.
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
    networks: tuple[NetworkAttachment, ...] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    cpus: float = 0.0
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    health: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """A container as the engine knows it.

    `status` is the engine's word ("created", "running", "exited", …). `addresses` are its own, one for each
    network that it is in, `address` that at which it is dialled, '' while it has none. `published` maps
    "8000/tcp" to where the engine published it. `memory` is its limit in bytes, 0 for none; `started` when
    it was last started, in seconds since the epoch on the engine's clock.
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
    addresses: tuple[str, ...] = ()
    memory: int = 0
    started: float = 0.0
    restart: RestartPolicy = field(default_factory=RestartPolicy)

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def starts_again(self) -> bool:
        """True while the engine is about to start it again."""
        return self.status == "restarting"


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A named volume."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """A network; `used` while a container, running or not, is in it."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    used: bool = False


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
    """Something happened to a container: `action` is the engine's word ("die", "oom", "start", …), and
    `exit_status` comes with its end."""

    action: str
    container: str
    labels: Mapping[str, str] = field(default_factory=dict)
    exit_status: int | None = None


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
