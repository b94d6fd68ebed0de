"""Images, containers and volumes over the docker SDK, as blocking work for one thread.

Each function is one operation of the protocol; foreign exceptions are translated by whoever runs them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import docker.errors
from docker import APIClient
from docker.types import Healthcheck, Mount, NetworkingConfig
from docker.utils import parse_repository_tag

from devbox.engine import facts, logins, networks, translate
from devbox.engine.calls import pause
from devbox.engine.transport import READ_SECONDS
from devbox.engine.values import ContainerFacts, ContainerSpec, ImageFacts, VolumeFacts
from devbox.model import (
    LABEL_PROJECT,
    HealthCheck,
    NetworkAttachment,
    PortMapping,
    RestartPolicy,
    VolumeMount,
)

# Seconds that a removal which somebody else began may take, and between two looks at it.
_REMOVAL_SECONDS = 10.0
_REMOVAL_POLL = 0.05
_NOT_FOUND = 404
_NANOSECONDS = 1_000_000_000
# What the engine says, with status 500, of a path that leads through a file.
_BELOW_A_FILE = "not a directory"
_ROUND_IN_CIRCLES = "too many links"


def _of(project: str) -> dict[str, str]:
    return {"label": f"{LABEL_PROJECT}={project}"}


def image(client: APIClient, reference: str) -> ImageFacts | None:
    """The image by id or tag."""
    data = _inspected_image(client, reference)
    return facts.image(data) if data is not None else None


def _inspected_image(client: APIClient, reference: str) -> facts.Json | None:
    try:
        data: facts.Json = client.inspect_image(reference)  # type: ignore[no-untyped-call] # so in the stubs
    except docker.errors.NotFound:
        return None
    return data


def images(client: APIClient, project: str) -> tuple[ImageFacts, ...]:
    """The project's images, newest first; one that vanishes meanwhile is left out."""
    ids = dict.fromkeys(entry["Id"] for entry in client.images(filters=_of(project)))
    found = [data for name in ids if (data := _inspected_image(client, name)) is not None]
    return tuple(facts.image(data) for data in sorted(found, key=facts.image_age, reverse=True))


def ask_registry(client: APIClient, reference: str) -> None:
    """Lets the engine ask for the image's manifest, with the credentials that a pull would have."""
    repository, _ = parse_repository_tag(reference)
    try:
        client.inspect_distribution(  # type: ignore[no-untyped-call] # so in the stubs
            reference, auth_config=logins.header(repository)
        )
    except docker.errors.APIError as error:
        raise translate.no_from_registry(error, f"cannot pull {reference}") from error


def remove_image(client: APIClient, reference: str) -> None:
    """Removes a tag, or all that is known under an id."""
    known = image(client, reference)
    if known is None:
        return
    # An id with several tags is only removed tag by tag; to force it would also take it from containers.
    names = (
        known.tags if known.id.removeprefix("sha256:").startswith(reference.removeprefix("sha256:")) else ()
    )
    for name in names or (reference,):
        try:
            client.remove_image(name)
        except docker.errors.NotFound:
            continue


def container(client: APIClient, name: str) -> ContainerFacts | None:
    """The container by id or name."""
    data = _inspected_container(client, name)
    return facts.container(data) if data is not None else None


def _inspected_container(client: APIClient, name: str) -> facts.Json | None:
    try:
        data: facts.Json = client.inspect_container(name)
    except docker.errors.NotFound:
        return None
    return data


def containers(client: APIClient, project: str) -> tuple[ContainerFacts, ...]:
    """The project's containers, newest first; one that vanishes meanwhile is left out."""
    listing = client.containers(all=True, filters=_of(project))
    found = [data for entry in listing if (data := _inspected_container(client, entry["Id"])) is not None]
    return tuple(facts.container(data) for data in sorted(found, key=facts.created, reverse=True))


def publisher(client: APIClient, port: int, protocol: str) -> str:
    """Name of the running container that publishes a host port."""
    return facts.publisher(client.containers(), port, protocol)


def create(client: APIClient, spec: ContainerSpec) -> str:
    """Creates the container; its streams stay detached, its log goes where the engine's logs go."""
    first, *others = spec.networks or (None,)
    host = client.create_host_config(
        init=spec.init,
        mounts=[_mount(mount) for mount in spec.mounts],
        port_bindings=_bindings(spec.ports),
        tmpfs=dict(spec.tmpfs) or None,
        mem_limit=spec.memory or None,
        nano_cpus=round(spec.cpus * 1e9) or None,
        extra_hosts=dict(spec.extra_hosts) or None,
        network_mode=first.name if first is not None else None,
    )
    created = client.create_container(
        spec.image,
        command=list(spec.command) if spec.command is not None else None,
        entrypoint=list(spec.entrypoint) if spec.entrypoint is not None else None,
        working_dir=spec.working_directory or None,
        user=spec.user or None,
        stdin_open=spec.stdin,
        name=spec.name,
        environment=dict(spec.environment),
        labels=dict(spec.labels),
        ports=[(port.container_port, port.protocol) for port in spec.ports],
        stop_signal=spec.stop_signal or None,
        healthcheck=_health(spec.health) if spec.health is not None else None,
        networking_config=_attached(client, first) if first is not None else None,
        host_config=host,
    )
    container = str(created["Id"])
    try:
        # Older engines take only one network when a container is made.
        for network in others:
            networks.join(client, container, network)
    except BaseException:
        client.remove_container(container, force=True)
        raise
    return container


def _attached(client: APIClient, network: NetworkAttachment) -> NetworkingConfig:
    endpoint = client.create_endpoint_config(aliases=list(network.aliases) or None)
    return NetworkingConfig({network.name: endpoint})  # type: ignore[arg-type] # so in the stubs


def _health(check: HealthCheck) -> Healthcheck:
    known = Healthcheck(
        test=list(check.test) or None,
        interval=round(check.interval * _NANOSECONDS),
        timeout=round(check.timeout * _NANOSECONDS),
        start_period=round(check.start_period * _NANOSECONDS),
        retries=check.retries,
    )
    if check.start_interval:
        # The library has no word for it; engines that do not know it pass over it.
        known["StartInterval"] = round(check.start_interval * _NANOSECONDS)
    return known


def restart_policy(client: APIClient, name: str, policy: RestartPolicy) -> None:
    """Sets when the engine starts it again."""
    wanted = {"Name": policy.name, "MaximumRetryCount": policy.retries}
    # The stubs know only two of the policies.
    client.update_container(name, restart_policy=wanted)  # type: ignore[arg-type]


def put_files(client: APIClient, name: str, tar: bytes) -> None:
    """Unpacks a tar at the container's root."""
    client.put_archive(name, "/", tar)


def rename(client: APIClient, name: str, new_name: str) -> None:
    """Gives it another name."""
    client.rename(name, new_name)


def exists(client: APIClient, name: str, path: str) -> bool:
    """Whether the container's file system has a path; an answer to HEAD has no room for a reason."""
    url = f"{client.base_url}/v{client.api_version}/containers/{quote(name, safe='')}/archive"
    response = client.head(url, params={"path": path}, timeout=READ_SECONDS)
    if response.ok:
        return True
    if response.status_code == _NOT_FOUND:
        # Of the path, unless it is of the container.
        client.inspect_container(name)
        return False
    with client.get(url, params={"path": path}, timeout=READ_SECONDS, stream=True) as explained:
        if not explained.ok and _BELOW_A_FILE in explained.text:
            return False
        if not explained.ok and _ROUND_IN_CIRCLES in explained.text:
            return True
        explained.raise_for_status()
    return True


def _mount(mount: VolumeMount) -> Mount:
    return Mount(
        mount.target,
        mount.source or None,
        type="bind" if mount.kind == "bind" else "volume",
        read_only=mount.read_only,
    )


def _bindings(ports: Iterable[PortMapping]) -> dict[int | str, list[tuple[str, int | None]]]:
    bindings: dict[int | str, list[tuple[str, int | None]]] = {}
    for port in ports:
        places = bindings.setdefault(f"{port.container_port}/{port.protocol}", [])
        places.append((port.host_ip, port.host_port or None))
    return bindings


def start(client: APIClient, name: str) -> None:
    """Starts it."""
    client.start(name)


def stop(client: APIClient, name: str, grace: float) -> None:
    """Stops it within `grace` seconds, rounded up to whole ones as the engine counts them."""
    try:
        client.stop(name, timeout=math.ceil(grace))
    except docker.errors.NotFound:
        return


def remove_container(client: APIClient, name: str) -> None:
    """Kills and removes it; returns once it is gone, also where somebody else is removing it."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            client.remove_container(name, v=False, force=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if "in progress" not in str(error) or time.monotonic() > deadline:
                raise
            pause(_REMOVAL_POLL)
        else:
            return


def volumes(client: APIClient, project: str) -> tuple[VolumeFacts, ...]:
    """The project's volumes."""
    listing = client.volumes(filters=_of(project))
    return tuple(facts.volume(entry) for entry in listing.get("Volumes") or ())


def volume(client: APIClient, name: str) -> VolumeFacts | None:
    """The volume if it is there."""
    try:
        return facts.volume(client.inspect_volume(name))
    except docker.errors.NotFound:
        return None


def ensure_volume(client: APIClient, name: str, labels: Mapping[str, str]) -> None:
    """Creates the volume; the engine gives an existing one back as it is."""
    client.create_volume(name, labels=dict(labels))


def remove_volume(client: APIClient, name: str) -> None:
    """Removes the volume if it is there."""
    try:
        client.remove_volume(name)
    except docker.errors.NotFound:
        return
