from __future__ import annotations

import copy
import sys
from typing import Any

import pytest

from devbox.engine import facts
from devbox.engine.progress import Layers
from devbox.engine.values import EngineEvent, EngineInfo, VolumeFacts
from devbox.model import Backend, PortMapping, VolumeMount

SOCKET = "unix:///var/run/docker.sock"
PING = {"Api-Version": "1.51", "Builder-Version": "2"}
VERSION: dict[str, Any] = {
    "Version": "28.5.0",
    "ApiVersion": "1.51",
    "Components": [{"Name": "Engine", "Version": "28.5.0"}],
}
INFO: dict[str, Any] = {
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"]],
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "OSType": "linux",
    "Name": "here",
    "SecurityOptions": ["name=seccomp,profile=default"],
}
CONTAINERD: dict[str, Any] = {
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
}


def engine(
    url: str = SOCKET, host: str = "", ping: dict[str, str] | None = None, **changes: object
) -> EngineInfo:
    """What is concluded when these fields of /version and /info are different."""
    version, info = copy.deepcopy(VERSION), copy.deepcopy(INFO)
    for name, value in changes.items():
        (version if name in version else info)[name] = value
    return facts.engine(PING if ping is None else ping, version, info, url, host)


def test_docker_on_linux() -> None:
    found = engine()
    assert found == EngineInfo(
        name="Docker Engine",
        version="28.5.0",
        api_version="1.51",
        address=SOCKET,
        buildkit=True,
        reaches_containers=sys.platform == "linux",
        publish_host="127.0.0.1",
        image_store="overlay2",
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("26.1.5+dfsg1", False),
        ("27.4.1", False),
        ("27.5.0", True),
        ("28.5.0-rc.1", True),
        ("29.0.1", True),
        ("master-dockerproject", True),
    ],
)
def test_the_containerd_store_takes_tar_bodies_since_27_5(version: str, expected: bool) -> None:
    found = engine(Version=version, **CONTAINERD)
    assert found.buildkit is expected
    assert found.image_store == "containerd"
    assert engine(Version=version).buildkit


@pytest.mark.parametrize(
    ("api", "system", "expected"),
    [("1.41", "linux", True), ("1.38", "linux", False), ("1.51", "windows", False)],
)
def test_buildkit_where_the_engine_has_it_but_does_not_prefer_it(
    api: str, system: str, expected: bool
) -> None:
    assert engine(ping={}, ApiVersion=api, OSType=system).buildkit is expected


def test_podman_has_no_buildkit() -> None:
    found = engine(Components=[{"Name": "Podman Engine", "Version": "5.4.2"}], Version="5.4.2")
    assert (found.name, found.version, found.buildkit) == ("Podman", "5.4.2", False)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop"),
        ({"OperatingSystem": "OrbStack"}, "OrbStack"),
        ({"Name": "colima"}, "Colima"),
        ({"url": "unix:///Users/me/.colima/work/docker.sock"}, "Colima"),
        ({"url": "unix:///Users/me/.orbstack/run/docker.sock"}, "OrbStack"),
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, "Docker Engine"),
        ({"url": "ssh://me@big"}, "Docker Engine"),
        ({"url": "tcp://10.0.0.5:2375", "host": "10.0.0.5"}, "Docker Engine"),
    ],
    ids=str,
)
def test_engines_whose_containers_are_elsewhere(changes: dict[str, Any], name: str) -> None:
    found = engine(**changes)
    assert not found.reaches_containers
    assert found.name == name
    assert found.publish_host == changes.get("host", "127.0.0.1")


def test_an_image() -> None:
    found = facts.image(
        {
            "Id": "sha256:1",
            "RepoTags": ["app:1", "<none>:<none>"],
            "Created": "2026-11-22T00:38:46.045077605Z",
            "Config": {
                "Labels": {"a": "b"},
                "ExposedPorts": {"8000/tcp": {}, "53/udp": {}},
                "Volumes": {"/data": {}},
                "Entrypoint": ["python"],
                "Cmd": ["-m", "app"],
                "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_500_000_000},
                "WorkingDir": "/app",
                "User": "app",
                "OnBuild": ["COPY . /app"],
            },
        }
    )
    assert found.tags == ("app:1",)
    assert found.created == pytest.approx(1795307926.045)
    assert found.exposed == (
        PortMapping(container_port=8000),
        PortMapping(container_port=53, protocol="udp"),
    )
    assert found.volumes == ("/data",)
    assert (*found.entrypoint, *found.command) == ("python", "-m", "app")
    assert (found.healthcheck, found.health_interval) == (("CMD", "true"), 1.5)
    assert (found.working_directory, found.user) == ("/app", "app")
    assert found.triggers == ("COPY . /app",)


@pytest.mark.parametrize("created", [None, "", "0001-01-01T00:00:00Z", "yesterday"])
def test_an_image_that_says_nothing(created: str | None) -> None:
    data = {"Id": "sha256:1", "RepoTags": None, "Created": created, "Config": {"Cmd": None, "Labels": None}}
    found = facts.image(data)
    assert (found.created, found.tags, found.command, dict(found.labels)) == (0.0, (), (), {})


def test_an_image_out_of_the_cache_is_as_old_as_its_tag() -> None:
    old = {"Created": "2026-11-01T00:00:00Z", "Metadata": {"LastTagTime": "2026-11-22T00:00:00Z"}}
    new = {"Created": "2026-11-20T00:00:00Z", "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"}}
    assert facts.image_age(old) > facts.image_age(new)


CONTAINER: dict[str, Any] = {
    "Id": "0a1b",
    "Name": "/web",
    "Image": "sha256:1",
    "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False},
    "Config": {"Labels": {"a": "b"}, "Entrypoint": None, "Cmd": ["python"]},
    "NetworkSettings": {
        "IPAddress": "172.17.0.2",
        "Networks": {"none": None, "app": {"IPAddress": "172.20.0.2"}, "bridge": {"IPAddress": "172.17.0.2"}},
        "Ports": {
            "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}, {"HostIp": "", "HostPort": "32769"}],
            "9000/tcp": None,
        },
    },
    "Mounts": [
        {"Type": "bind", "Source": "/src", "Destination": "/app", "RW": False},
        {"Type": "volume", "Name": "data", "Source": "/var/lib/x", "Destination": "/data", "RW": True},
    ],
}


def test_a_container() -> None:
    found = facts.container(CONTAINER)
    assert (found.id, found.name, found.image, found.running) == ("0a1b", "web", "sha256:1", True)
    assert found.address == "172.20.0.2"
    assert found.published == {"8000/tcp": (Backend("127.0.0.1", 32768), Backend("0.0.0.0", 32769))}
    assert found.mounts == (
        VolumeMount("bind", "/src", "/app", read_only=True),
        VolumeMount("volume", "data", "/data"),
    )
    assert found.command == ("python",)


def test_a_container_without_networks_and_one_that_ran_out_of_memory() -> None:
    data = copy.deepcopy(CONTAINER)
    data["NetworkSettings"] = {"IPAddress": "172.17.0.2", "Networks": {}}
    data["State"] = {"Status": "exited", "ExitCode": 137, "OOMKilled": True}
    found = facts.container(data)
    assert found.address == "172.17.0.2"
    assert (found.exit_status, found.out_of_memory, found.running) == (137, True, False)


def test_an_event_keeps_our_labels_and_the_status_of_an_end() -> None:
    data = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "0a1b", "Attributes": {"dev.devbox.project": "app", "exitCode": "1", "name": "web"}},
    }
    assert facts.event(data) == EngineEvent("die", "0a1b", {"dev.devbox.project": "app"}, 1)


def test_a_volume() -> None:
    assert facts.volume({"Name": "data", "Labels": None}) == VolumeFacts("data")


def test_the_publisher_of_a_port() -> None:
    listing = [
        {"Names": ["/a"], "Ports": [{"PrivatePort": 8000, "Type": "tcp"}]},
        {"Names": ["/b"], "Ports": [{"PrivatePort": 80, "PublicPort": 8000, "Type": "tcp"}]},
    ]
    assert facts.publisher(listing, 8000, "tcp") == "b"
    assert facts.publisher(listing, 8000, "udp") == ""
    assert facts.publisher(listing, 80, "tcp") == ""


def test_the_progress_of_a_pull_over_its_layers() -> None:
    layers = Layers()
    seen = [
        layers.see(message)
        for message in (
            {"status": "Pulling from library/python", "id": "3.13"},
            {"status": "Already exists", "id": "a"},
            {"status": "Downloading", "id": "b", "progressDetail": {"current": 10, "total": 100}},
            {"status": "Downloading", "id": "c", "progressDetail": {"current": 50, "total": 50}},
            {"status": "Download complete", "id": "b", "progressDetail": {}},
            {"status": "Extracting", "id": "b", "progressDetail": {"current": 1, "total": 100}},
            {"status": "Digest: sha256:1"},
        )
    ]
    assert [(step.current, step.total) for step in seen] == [
        (0, 0),
        (0, 0),
        (10, 100),
        (60, 150),
        (150, 150),
        (150, 150),
        (150, 150),
    ]


def test_the_engines_clock_and_where_it_keeps_images() -> None:
    info = {**INFO, "SystemTime": "2026-11-27T04:10:36.32274993Z", "DockerRootDir": "/var/lib/docker"}
    found = facts.engine(PING, VERSION, info, SOCKET, "")
    assert found.storage == "/var/lib/docker"
    assert round(found.clock, 1) == 1795752636.3
    assert facts.engine(PING, VERSION, INFO, SOCKET, "").clock == 0
