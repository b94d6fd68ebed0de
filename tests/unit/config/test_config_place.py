"""One service of several: its folder's settings, and a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.config import load, load_leniently
from devbox.errors import ConfigError
from devbox.place import place_of
from tests.unit.compose.fake import FakeDocker


@pytest.fixture
def docker(tmp_path: Path) -> FakeDocker:
    docker = FakeDocker(tmp_path / "docker")
    (tmp_path / "compose.yaml").touch()
    services = {name: {"build": {"context": str(tmp_path)}} for name in ("api", "mail_queue")}
    docker.answers("config", out={"name": "shop", "services": services})
    return docker


def test_a_service_has_the_folders_settings_and_a_name_of_its_own(tmp_path: Path, docker: FakeDocker) -> None:
    (tmp_path / "devbox.toml").write_text('project = "shop"\nkeep_images = 2\nservice = "api"\n')
    found = load(place_of(tmp_path, "mail_queue"), {}, docker.environ)
    assert (found.project, found.family, found.keep_images) == ("shop-mail-queue", "shop", 2)
    assert (found.root, found.place) == (tmp_path, place_of(tmp_path, "mail_queue"))
    assert found.compose is not None
    assert (found.compose.service, found.compose.before) == ("mail_queue", ())
    alone = load(tmp_path, {"service": "mail_queue"}, docker.environ)
    assert (alone.project, alone.family, alone.place) == ("shop", "shop", tmp_path)
    assert alone.compose is not None
    # Named by the flag alone, it leaves the other one to Compose.
    assert alone.compose.before == ("api",)


def test_a_long_name_keeps_the_service(tmp_path: Path, docker: FakeDocker) -> None:
    (tmp_path / "devbox.toml").write_text(f'project = "{"a" * 40}"\n')
    assert load(place_of(tmp_path, "api"), {}, docker.environ).project == f"{'a' * 36}-api"


def test_the_flag_and_the_place_name_the_same_service(tmp_path: Path, docker: FakeDocker) -> None:
    with pytest.raises(ConfigError, match=r"--service api is another service than that of .*:mail_queue"):
        load(place_of(tmp_path, "mail_queue"), {"service": "api"}, docker.environ)


def test_without_a_compose_file_there_is_no_service(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no service 'api'"):
        load(place_of(tmp_path, "api"), {}, {})
    found = load_leniently(place_of(tmp_path, "api"), {})
    assert found.project.endswith("-api")
    assert found.place == place_of(tmp_path, "api")
