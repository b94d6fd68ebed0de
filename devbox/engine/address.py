"""Where the engine is, decided the way the docker CLI decides it.

An address given by name comes first, then DOCKER_HOST, then DOCKER_CONTEXT or the current docker context,
then the sockets that engines usually listen at (https://docs.docker.com/engine/manage-resources/contexts/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from docker.context import Context, ContextAPI
from docker.errors import ContextNotFound, DockerException
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env, parse_host

from devbox.errors import EngineUnreachable


@dataclass(frozen=True, slots=True)
class Address:
    """One place to look for an engine; `origin` says why there ("DOCKER_HOST", "docker context big", …)."""

    url: str
    origin: str
    tls: TLSConfig | None = None

    @property
    def scheme(self) -> str:
        """'unix', 'tcp' or 'ssh'."""
        scheme = urlsplit(self.url).scheme
        return "tcp" if scheme in ("http", "https") else scheme

    @property
    def path(self) -> str:
        """The path of the unix socket."""
        return self.url.removeprefix("unix://")

    @property
    def host(self) -> str:
        """The host of a tcp or ssh address."""
        return urlsplit(self.url).hostname or ""

    def ssh_arguments(self) -> tuple[str, ...]:
        """What to give `ssh` so that its standard streams are a connection to the engine."""
        parts = urlsplit(self.url)
        user = ("-l", parts.username) if parts.username else ()
        port = ("-p", str(parts.port)) if parts.port else ()
        socket = ("--host", f"unix://{parts.path}") if parts.path.strip("/") else ()
        bound = ("-o", "ConnectTimeout=30", "-T")
        return (*bound, *user, *port, "--", self.host, "docker", *socket, "system", "dial-stdio")


def addresses(given: str | None, environment: Mapping[str, str], home: Path) -> tuple[Address, ...]:
    """The places to try, best first, at least one; raises EngineUnreachable when a setting names none."""
    if given:
        return (_checked(given, "the address given", environment),)
    if environment.get("DOCKER_HOST"):
        return (_checked(environment["DOCKER_HOST"], "DOCKER_HOST", environment),)
    context = _context(environment)
    if context is not None:
        return (context,)
    return tuple(Address(f"unix://{path}", "usual socket") for path in _usual_sockets(environment, home))


def _usual_sockets(environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    runtime = environment.get("XDG_RUNTIME_DIR")
    return (
        Path("/var/run/docker.sock"),
        *((Path(runtime) / "docker.sock",) if runtime else ()),
        home / ".docker/run/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
    )


def _checked(url: str, origin: str, environment: Mapping[str, str]) -> Address:
    try:
        tls = kwargs_from_env({**environment, "DOCKER_HOST": url}).get("tls")
        return _address(url, origin, tls if isinstance(tls, TLSConfig) else None)
    except (DockerException, ValueError) as error:
        raise EngineUnreachable(
            f"no engine at {url}",
            cause=str(error),
            hint=f"{origin} must be unix:///path, tcp://host:port or ssh://user@host, with its certificates",
        ) from error


def _address(url: str, origin: str, tls: TLSConfig | None) -> Address:
    # The SDK's own reading of an address: bare hosts, default ports, what is not allowed.
    read = str(parse_host(url, tls=tls is not None))
    if read.startswith("http+unix://"):
        return Address("unix://" + read.removeprefix("http+unix://"), origin)
    if read.startswith("ssh://"):
        return Address(url, origin)
    plain = read.removeprefix("https://" if tls is not None else "http://")
    return Address(read if plain == read else f"tcp://{plain}", origin, tls)


def _context(environment: Mapping[str, str]) -> Address | None:
    name = environment.get("DOCKER_CONTEXT") or None
    if name == "default":
        return None
    hint = "docker context ls shows the contexts there are, docker context use NAME chooses one"
    try:
        context = _existing(name)
        if context.Name == "default" or not context.Host:
            return None
        return _address(context.Host, f"docker context {context.Name}", context.TLSConfig)
    # The SDK raises a bare Exception for a context whose file cannot be read.
    except Exception as error:
        raise EngineUnreachable("the docker context cannot be used", cause=str(error), hint=hint) from error


def _existing(name: str | None) -> Context:
    context = ContextAPI.get_context(name)
    if context is None:
        raise ContextNotFound(name or "of the docker configuration")
    return context
