"""A project is found by its path also when its folder is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.daemon.known import (
    all_configs_of,
    config_of,
    configs_of,
    met,
    never_a_project,
    places_of,
    services_known,
)
from devbox.daemon.lock import make_runtime_directory, state_directory
from devbox.errors import ConfigError, SeveralServices, UsageError
from devbox.events import SessionStarted
from devbox.place import place_of
from devbox.report.journal import Journal
from tests.unit.compose.fake import FakeDocker


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr("devbox.daemon.lock.PATH_BYTES", 4096)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "Shop"


@pytest.fixture
def docker(root: Path, tmp_path: Path) -> FakeDocker:
    """Compose, of whose file api and worker are built."""
    root.mkdir()
    (root / "compose.yaml").touch()
    docker = FakeDocker(tmp_path / "docker")
    build = {"build": {"context": str(root)}}
    services = {"api": build, "db": {"image": "pg"}, "worker": build}
    docker.answers("config", out={"name": "shop", "services": services})
    return docker


def test_a_folder_that_is_gone_has_the_name_that_its_journal_tells(root: Path) -> None:
    root.mkdir()
    journal = Journal(state_directory(root), pytest.fail)
    journal(SessionStarted(project="another-name", root=str(root), urls=(), engine="", version=""))
    journal.close()
    root.rmdir()
    found = config_of(root, {})
    assert (found.project, found.root) == ("another-name", root)


def test_without_a_journal_it_has_the_folders_name_while_there_is_something_to_end(root: Path) -> None:
    make_runtime_directory(root)
    assert config_of(root, {}).project == "shop"


def test_a_folder_that_nobody_knows_is_not_there(root: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        config_of(root, {})


def test_a_file_in_its_place_is_no_folder_that_is_gone(root: Path) -> None:
    make_runtime_directory(root)
    root.touch()
    with pytest.raises(ConfigError, match="is a file"):
        config_of(root, {})


def test_a_folder_that_builds_several_services_is_as_many_projects(root: Path, docker: FakeDocker) -> None:
    with pytest.raises(SeveralServices):
        config_of(root, docker.environ)
    found = configs_of(root, docker.environ)
    assert [config.project for config in found] == ["shop-api", "shop-worker"]
    assert {config.root for config in found} == {root}
    assert [config.place for config in found] == [place_of(root, "api"), place_of(root, "worker")]
    assert configs_of(place_of(root, "worker"), docker.environ) == found[1:]
    assert places_of(root, docker.environ) == tuple(config.place for config in found)
    assert places_of(place_of(root, "api"), docker.environ) == (place_of(root, "api"),)
    assert places_of(root.parent / "none", docker.environ) == (root.parent / "none",)


def test_a_service_that_is_not_there_is_refused_unless_it_was_run(root: Path, docker: FakeDocker) -> None:
    wrong = place_of(root, "wroker")
    with pytest.raises(ConfigError, match="no service 'wroker'") as caught:
        config_of(wrong, docker.environ)
    assert caught.value.hint == "did you mean 'worker'?"
    make_runtime_directory(wrong)
    assert config_of(wrong, docker.environ).place == wrong


def test_a_folder_that_is_run_as_one_project_is_one(root: Path, docker: FakeDocker) -> None:
    make_runtime_directory(root)
    assert [config.project for config in configs_of(root, docker.environ)] == ["shop"]


def test_services_that_run_are_found_whatever_the_compose_file_says(root: Path, docker: FakeDocker) -> None:
    for name in ("api", "worker"):
        place = place_of(root, name)
        make_runtime_directory(place)
        journal = Journal(state_directory(place), pytest.fail)
        journal(SessionStarted(project=f"shop-{name}", root=str(place), urls=(), engine="", version=""))
        journal.close()
    assert set(services_known(root)) == {f"{root}:api", f"{root}:worker"}
    docker.answers("config", err="services.api must be a mapping", status=15)
    found = all_configs_of(root, docker.environ)
    assert [config.project for config in found] == ["shop", "shop-api", "shop-worker"]
    assert [config.place for config in found[1:]] == [place_of(root, "api"), place_of(root, "worker")]


def test_a_folder_that_never_was_a_project_is_told_from_one(root: Path) -> None:
    root.mkdir()
    config = config_of(root, {})
    assert never_a_project(config) == f"{root} has no Dockerfile, and devbox has never run there"
    with pytest.raises(UsageError, match="nothing of shop is there") as refused:
        met(config)
    assert "devbox up PATH" in refused.value.hint
    (root / "Dockerfile").touch()
    assert met(config) is config
    (root / "Dockerfile").unlink()
    make_runtime_directory(root)
    assert never_a_project(config) == ""
