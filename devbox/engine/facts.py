"""The engine's JSON answers to the frozen values of `protocol`, and what can be concluded from them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from devbox.engine.values import ContainerFacts, EngineEvent, EngineInfo, ImageFacts, VolumeFacts
from devbox.model import Backend, PortMapping, RestartPolicy, VolumeMount

# The SDK types every answer as a bare dict; this alias marks where that ends.
Json = Mapping[str, Any]

# Since this version the containerd image store takes tar bodies (moby#47717, moby PR 49178).
_TAR_BODY_WITH_CONTAINERD_STORE = (27, 5, 0)
# BuildKit came to the build endpoint with engine 18.09, which speaks this version of the API.
_BUILDKIT_API = (1, 39)
_NANOSECONDS = 1_000_000_000
_OUR_LABELS = "dev.devbox."


def engine(ping: Mapping[str, str], version: Json, info: Json, url: str, host: str) -> EngineInfo:
    """Who answered; `ping` are the headers of /_ping, `host` that of a tcp engine, '' for others."""
    name, release = _name(version, info, url)
    containerd = _containerd_store(info)
    number, api = version_numbers(release), version_numbers(str(version.get("ApiVersion", "")))
    takes_tar = not containerd or len(number) < 3 or number >= _TAR_BODY_WITH_CONTAINERD_STORE
    offered = ping.get("Builder-Version") == "2" or (api >= _BUILDKIT_API and info.get("OSType") == "linux")
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
    return EngineInfo(
        name=name,
        version=release,
        api_version=str(version.get("ApiVersion", "")),
        address=url,
        buildkit=offered and takes_tar and name != "Podman",
        reaches_containers=(
            url.startswith("unix://")
            and sys.platform == "linux"
            and not rootless
            and name not in ("Docker Desktop", "Colima", "OrbStack")
        ),
        publish_host=host or "127.0.0.1",
        image_store="containerd" if containerd else str(info.get("Driver", "")),
        storage=str(info.get("DockerRootDir") or ""),
        clock=_seconds(info.get("SystemTime")),
    )


def version_numbers(version: str) -> tuple[int, ...]:
    """Up to three leading numbers of a version: (20, 10, 24) of "20.10.24+dfsg1", () of "dev"."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _name(version: Json, info: Json, url: str) -> tuple[str, str]:
    for component in version.get("Components") or ():
        if "Podman" in component.get("Name", ""):
            return "Podman", str(component.get("Version", ""))
    system = str(info.get("OperatingSystem", ""))
    release = str(version.get("Version", ""))
    if "Docker Desktop" in system:
        return "Docker Desktop", release
    if "OrbStack" in system or "/.orbstack/" in url:
        return "OrbStack", release
    if "/.colima/" in url or str(info.get("Name", "")).startswith("colima"):
        return "Colima", release
    return "Docker Engine", release


def _containerd_store(info: Json) -> bool:
    status = info.get("DriverStatus") or ()
    return info.get("Driver") == "overlayfs" or any("io.containerd.snapshotter.v1" in pair for pair in status)


def short(container: str) -> str:
    """A container as a message names it: a full id like the docker CLI shows it, a name as it is."""
    return container[:12] if len(container) == 64 else container


def image(data: Json) -> ImageFacts:
    """An image from its inspection."""
    config = data.get("Config") or {}
    check = config.get("Healthcheck") or {}
    return ImageFacts(
        id=data["Id"],
        tags=tuple(tag for tag in data.get("RepoTags") or () if tag != "<none>:<none>"),
        labels=dict(config.get("Labels") or {}),
        created=created(data),
        exposed=tuple(_exposed(port) for port in config.get("ExposedPorts") or ()),
        volumes=tuple(config.get("Volumes") or ()),
        entrypoint=_words(config.get("Entrypoint")),
        command=_words(config.get("Cmd")),
        healthcheck=_words(check.get("Test")),
        health_interval=(check.get("Interval") or 0) / _NANOSECONDS,
        working_directory=config.get("WorkingDir") or "",
        user=config.get("User") or "",
        triggers=tuple(config.get("OnBuild") or ()),
    )


def created(data: Json) -> float:
    """When an image or a container was created, in seconds since the epoch."""
    return _seconds(data.get("Created"))


def image_age(data: Json) -> float:
    """When an image came to be what it is, in seconds since the epoch.

    Not its date of creation, which for an image made out of the build cache is that of the cached layer.
    """
    return max(_seconds((data.get("Metadata") or {}).get("LastTagTime")), created(data))


def container(data: Json) -> ContainerFacts:
    """A container from its inspection."""
    state, config = data.get("State") or {}, data.get("Config") or {}
    network, host = data.get("NetworkSettings") or {}, data.get("HostConfig") or {}
    addresses = _addresses(network)
    return ContainerFacts(
        id=data["Id"],
        name=data.get("Name", "").removeprefix("/"),
        image=data.get("Image", ""),
        status=state.get("Status", ""),
        labels=dict(config.get("Labels") or {}),
        exit_status=state.get("ExitCode", 0),
        out_of_memory=bool(state.get("OOMKilled")),
        address=addresses[0] if addresses else "",
        published=_published(network.get("Ports") or {}),
        mounts=tuple(_mount(mount) for mount in data.get("Mounts") or ()),
        command=(*_words(config.get("Entrypoint")), *_words(config.get("Cmd"))),
        addresses=addresses,
        started=_seconds(state.get("StartedAt")),
        memory=int(host.get("Memory") or 0),
        restart=_policy(host.get("RestartPolicy") or {}),
    )


def volume(data: Json) -> VolumeFacts:
    """A volume from its inspection."""
    return VolumeFacts(data["Name"], dict(data.get("Labels") or {}))


def event(data: Json) -> EngineEvent:
    """A message of the event stream; of its attributes only our labels, the rest is not told apart."""
    actor = data.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    labels = {key: value for key, value in attributes.items() if key.startswith(_OUR_LABELS)}
    status = str(attributes.get("exitCode", ""))
    ended = int(status) if status.isdecimal() else None
    return EngineEvent(str(data.get("Action", "")), str(actor.get("ID", "")), labels, ended)


def publisher(listing: Iterable[Json], port: int, protocol: str) -> str:
    """Name of the container in a listing that publishes the host port, '' where none does."""
    for entry in listing:
        for published in entry.get("Ports") or ():
            if published.get("PublicPort") == port and published.get("Type") == protocol:
                return str((entry.get("Names") or [entry.get("Id", "")])[0]).removeprefix("/")
    return ""


def _addresses(network: Json) -> tuple[str, ...]:
    attached = (network.get("Networks") or {}).values()
    found = [str(each["IPAddress"]) for each in attached if each and each.get("IPAddress")]
    return tuple(found or filter(None, (str(network.get("IPAddress") or ""),)))


def _policy(policy: Json) -> RestartPolicy:
    return RestartPolicy(policy.get("Name") or "no", int(policy.get("MaximumRetryCount") or 0))


def _published(ports: Mapping[str, list[dict[str, str]] | None]) -> dict[str, tuple[Backend, ...]]:
    return {
        port: tuple(Backend(at.get("HostIp") or "0.0.0.0", int(at["HostPort"])) for at in places)
        for port, places in ports.items()
        if places
    }


def _mount(data: Json) -> VolumeMount:
    kind = str(data.get("Type", ""))
    source = data.get("Name") if kind == "volume" else data.get("Source")
    return VolumeMount(kind, str(source or ""), str(data.get("Destination", "")), not data.get("RW", True))


def _exposed(port: str) -> PortMapping:
    number, _, protocol = port.partition("/")
    return PortMapping(container_port=int(number), protocol=protocol or "tcp")


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _seconds(created: object) -> float:
    # Imported and reproducible images may carry no date, or the year 1.
    try:
        return max(0.0, datetime.fromisoformat(str(created)).timestamp())
    except ValueError:
        return 0.0
