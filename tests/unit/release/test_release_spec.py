"""What a revision's container is created from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devbox.config import Config, load
from devbox.engine.values import EngineInfo, ImageFacts
from devbox.model import (
    LABEL_CONFIG_HASH,
    LABEL_CONTEXT_DIGEST,
    LABEL_PROJECT,
    LABEL_REVISION,
    LABEL_ROLE,
    LABEL_ROOT,
    LABEL_USER,
    PortMapping,
    Revision,
    VolumeMount,
)
from devbox.release.spec import ROLE_APP, as_run, container_spec, mounts, revision_labels

LOCAL = EngineInfo("Docker Engine", "28.5", "1.51", "unix:///x", True, True)
DESKTOP = replace(LOCAL, reaches_containers=False)
REMOTE = replace(DESKTOP, publish_host="10.0.0.5")
REVISION = Revision(7, "sha256:1", "digest", "hash")
IMAGE = ImageFacts("sha256:1")


def config(root: Path, **settings: Any) -> Config:
    return load(root, {"project": "shop", **settings}, {})


def ports_of(config: Config, engine: EngineInfo, *ports: PortMapping) -> tuple[PortMapping, ...]:
    return container_spec(config, IMAGE, REVISION, engine, ports).ports


def test_name_image_environment_and_labels(tmp_path: Path) -> None:
    settings = config(tmp_path, environment={"A": "1"})
    spec = container_spec(settings, IMAGE, REVISION, LOCAL, (PortMapping("127.0.0.1", 8000, 8000),))
    assert (spec.name, spec.image, spec.environment) == ("devbox-shop-r7", "sha256:1", {"A": "1"})
    assert spec.labels == {
        LABEL_PROJECT: "shop",
        LABEL_REVISION: "7",
        LABEL_CONFIG_HASH: settings.config_hash,
        LABEL_CONTEXT_DIGEST: "digest",
        LABEL_ROLE: ROLE_APP,
        LABEL_ROOT: str(tmp_path),
        LABEL_USER: str(os.getuid()),
    }
    assert spec.labels.items() > revision_labels(settings, 7, "digest", ROLE_APP).items()
    assert spec.init
    assert spec.command is None


WEB = PortMapping("0.0.0.0", 8000, 80)
METRICS = PortMapping("127.0.0.1", 9000, 9000)


def test_behind_the_gate_nothing_is_published_where_containers_can_be_reached(tmp_path: Path) -> None:
    assert ports_of(config(tmp_path), LOCAL, WEB, METRICS) == ()


def test_elsewhere_each_port_is_published_once_and_anywhere(tmp_path: Path) -> None:
    twice = replace(WEB, host_port=8001)
    assert ports_of(config(tmp_path), DESKTOP, METRICS, WEB, twice) == (
        PortMapping("127.0.0.1", 0, 80),
        PortMapping("127.0.0.1", 0, 9000),
    )


def test_a_remote_engine_publishes_where_it_can_be_dialled(tmp_path: Path) -> None:
    assert ports_of(config(tmp_path), REMOTE, WEB) == (PortMapping("", 0, 80),)


@pytest.mark.parametrize("engine", [LOCAL, DESKTOP, REMOTE])
def test_docker_publishes_itself_with_recreate(tmp_path: Path, engine: EngineInfo) -> None:
    assert ports_of(config(tmp_path, swap="recreate"), engine, WEB, METRICS) == (WEB, METRICS)


def test_mounts_are_the_configured_ones_and_the_images_own(tmp_path: Path) -> None:
    settings = config(tmp_path, volumes=("data:/data", ".:/src:ro", "/cache"))
    image = ImageFacts("x", volumes=("/var/lib/", "/data/", "/cache", "/var//lib", "/"))
    found = mounts(settings, image)
    assert found[:2] == (
        VolumeMount("volume", "data", "/data"),
        VolumeMount("bind", str(tmp_path), "/src", read_only=True),
    )
    assert [(mount.kind, mount.target) for mount in found[2:]] == [
        ("volume", "/cache"),
        ("volume", "/var/lib"),
    ]
    assert all(mount.source.startswith("devbox-shop-") for mount in found[2:])
    assert container_spec(settings, image, REVISION, LOCAL, ()).mounts == found


def test_an_anonymous_volume_is_the_same_on_every_revision(tmp_path: Path) -> None:
    image = ImageFacts("x", volumes=("/data",))
    declared = mounts(config(tmp_path), image)
    assert declared == mounts(config(tmp_path), replace(image, id="y"))
    # Whether the image asks for it or the settings do.
    assert declared == mounts(config(tmp_path, volumes=("/data",)), image)
    assert declared != mounts(config(tmp_path, project="other"), image)
    assert declared[0].source != mounts(config(tmp_path), ImageFacts("x", volumes=("/data2",)))[0].source


def test_another_entrypoint_takes_the_command_of_the_image_away(tmp_path: Path) -> None:
    image = ImageFacts("sha256:1", entrypoint=("/own.sh",), command=("serve",))
    other = config(tmp_path, entrypoint=("/run.sh",))
    spec = container_spec(other, image, REVISION, LOCAL, ())
    assert (spec.entrypoint, spec.command) == (("/run.sh",), None)
    assert (as_run(image, other).entrypoint, as_run(image, other).command) == (("/run.sh",), ())
    both = config(tmp_path, entrypoint=("/run.sh",), command=("it",))
    assert container_spec(both, image, REVISION, LOCAL, ()).command == ("it",)
    assert as_run(image, config(tmp_path, command=("it",))).entrypoint == ("/own.sh",)
