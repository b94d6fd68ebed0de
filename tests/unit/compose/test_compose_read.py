from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from devbox.compose.read import read
from devbox.compose.values import Wanted
from devbox.config import load
from devbox.errors import ConfigError
from tests.unit.compose.fake import FakeDocker


@pytest.fixture
def docker(tmp_path: Path) -> FakeDocker:
    return FakeDocker(tmp_path / "docker")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "compose.yaml").write_text("services: {}\n")
    return root


def project(root: Path, **service: Any) -> dict[str, Any]:
    api = {"build": {"context": str(root), "dockerfile": "Dockerfile"}, **service}
    return {"name": "shop", "services": {"api": api, "db": {"image": "pg"}}}


def test_compose_is_asked_in_the_folder_and_with_the_files_and_profiles(
    root: Path, docker: FakeDocker
) -> None:
    docker.answers("config", out=project(root))
    (root / "other.yaml").touch()
    found = read(root, Wanted(("other.yaml",), ("debug",), "api"), docker.environ)
    assert found is not None
    assert found.compose.command == (
        "docker", "compose", "-f", str(root / "other.yaml"), "--profile", "debug",
    )  # fmt: skip
    assert docker.asked == [[*found.compose.command[1:], "config", "--format", "json"]]


def test_dollars_are_as_they_were_written(root: Path, docker: FakeDocker) -> None:
    docker.answers("config", out=project(root, environment={"PRICE": "5$$"}))
    found = read(root, Wanted(), docker.environ)
    assert found is not None
    assert found.settings["environment"] == {"PRICE": "5$"}


def test_the_digest_changes_with_the_others_alone(root: Path, docker: FakeDocker) -> None:
    def digest(**changes: Any) -> str:
        docker.answers("config", out=project(root) | changes)
        found = read(root, Wanted(), docker.environ)
        assert found is not None
        return found.compose.digest

    first = digest()
    assert digest() == first
    assert digest(services={**project(root, user="1")["services"]}) == first
    assert digest(services={**project(root)["services"], "db": {"image": "pg:2"}}) != first


def test_compose_tells_what_is_wrong(root: Path, docker: FakeDocker) -> None:
    warning = 'time="2026" level=warning msg="The \\"V\\" variable is not set."\n'
    docker.answers("config", err=f"{warning}yaml: line 3: mapping values are not allowed", status=15)
    with pytest.raises(ConfigError, match=r"compose\.yaml cannot be used") as caught:
        read(root, Wanted(), docker.environ)
    assert caught.value.cause == "yaml: line 3: mapping values are not allowed"


def test_its_warnings_are_kept(root: Path, docker: FakeDocker) -> None:
    warning = 'time="2026" level=warning msg="The \\"V\\" variable is not set."\n'
    docker.answers("config", out=project(root), err=warning)
    found = read(root, Wanted(), docker.environ)
    assert found is not None
    assert found.compose.warnings == ('The "V" variable is not set.',)


@pytest.mark.parametrize(
    "said",
    [
        "docker: 'compose' is not a docker command.",
        "docker: unknown command: docker compose",
        "unknown flag: --format\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more",
    ],
)
def test_the_program_of_its_own_serves_where_there_is_no_plugin(
    root: Path, docker: FakeDocker, tmp_path: Path, said: str
) -> None:
    docker.answers("compose", err=said, status=1)
    with pytest.raises(ConfigError, match="'docker compose' is not there") as caught:
        read(root, Wanted(), docker.environ)
    assert "compose = false" in caught.value.hint
    standalone = FakeDocker(tmp_path / "standalone", "docker-compose")
    standalone.answers("config", out=project(root))
    both = {"PATH": os.pathsep.join((docker.environ["PATH"], standalone.environ["PATH"]))}
    found = read(root, Wanted(), docker.environ | both)
    assert found is not None
    assert found.compose.command == ("docker-compose",)


def test_without_a_file_nothing_is_asked(tmp_path: Path, docker: FakeDocker) -> None:
    assert read(tmp_path, Wanted(), docker.environ) is None
    assert docker.asked == []


def test_settings_go_over_the_file_and_flags_over_both(root: Path, docker: FakeDocker) -> None:
    described = {"environment": {"A": "file", "B": "file", "C": "file"}, "ports": [{"target": 80}]}
    docker.answers("config", out=project(root, **described))
    (root / "devbox.toml").write_text('environment = { B = "toml", C = "toml" }\ntarget = "app"\n')
    config = load(root, {"environment": {"C": "flag"}}, docker.environ)
    assert config.environment == {"A": "file", "B": "toml", "C": "flag"}
    assert [port.container_port for port in config.ports] == [80]
    assert config.sources["ports"] == "compose.yaml"
    assert config.sources["environment"] == "flag"
    assert config.sources["target"] == "devbox.toml"
    assert root / "compose.yaml" in config.watched_files


def test_a_service_without_a_compose_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="service 'web' is of no compose file"):
        load(tmp_path, {"service": "web"}, {})


def test_a_compose_file_can_be_left_alone(root: Path, docker: FakeDocker) -> None:
    (root / "devbox.toml").write_text("compose = false\n")
    assert load(root, {}, docker.environ).compose is None
    assert docker.asked == []


def test_the_others_make_no_difference_to_the_container(root: Path, docker: FakeDocker) -> None:
    docker.answers("config", out=project(root))
    first = load(root, {}, docker.environ)
    docker.answers("config", out={**project(root), "services": {**project(root)["services"], "new": {}}})
    second = load(root, {}, docker.environ)
    assert first != second
    assert first.config_hash == second.config_hash


def test_what_devbox_makes_first_is_known_to_compose_by_its_labels(root: Path, docker: FakeDocker) -> None:
    mounted = [{"type": "volume", "source": "data", "target": "/data"}]
    known = {"networks": {"back": {"name": "n", "external": True}, "default": {"name": "shop_default"}}}
    described = project(root, volumes=mounted, networks={"back": None, "default": None})
    docker.answers("config", out=described | known | {"volumes": {"data": {"name": "shop_data"}}})
    found = read(root, Wanted(), docker.environ)
    assert found is not None
    ours = {"com.docker.compose.project": "shop"}
    assert found.compose.network_labels("shop_default") == {**ours, "com.docker.compose.network": "default"}
    assert found.compose.volume_labels("shop_data") == {**ours, "com.docker.compose.volume": "data"}
    assert found.compose.network_labels("n") == found.compose.volume_labels("other") == {}
