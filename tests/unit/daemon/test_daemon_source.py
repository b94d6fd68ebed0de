"""Settings read again, and the disk as one Source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devbox.config import Config, load
from devbox.daemon.source import Settings, read_source
from devbox.daemon.template import Template
from devbox.errors import ConfigError, DockerfileError
from devbox.watch import Watcher
from tests.unit.compose.fake import FakeDocker


def write(root: Path, text: str, name: str = "devbox.toml") -> None:
    (root / name).write_text(text)


def test_settings_are_read_again_where_a_file_changed(tmp_path: Path) -> None:
    write(tmp_path, 'target = "one"\n')
    settings = Settings(tmp_path, {"health_path": "/x"}, {})
    assert settings.reload() is False
    write(tmp_path, 'target = "two"\n')
    assert settings.reload() is True
    assert (settings.config.target, settings.config.health_path) == ("two", "/x")
    assert settings.reload() is False
    write(tmp_path, '# a comment\ntarget = "two"\n')
    assert settings.reload() is False
    (tmp_path / "devbox.toml").unlink()
    assert settings.reload() is True
    assert settings.config.target == ""


def test_a_folder_that_was_replaced_is_found_again_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`devbox up` without a path means the folder that it was begun in."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    settings = Settings(Path(), {}, {})
    project.rmdir()
    assert settings.reload() is False
    project.mkdir()
    write(project, 'target = "two"\n')
    assert settings.reload() is True
    assert settings.config.target == "two"


@pytest.mark.parametrize("begin", [True, False])
def test_a_file_that_is_written_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: bool
) -> None:
    """An editor empties a file before it writes: between the two it is one without settings."""

    def caught_empty(root: Path, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
        config = load(root, flags, environ)
        write(tmp_path, 'target = "whole"\n')
        return config

    settings = None if begin else Settings(tmp_path, {}, {})
    write(tmp_path, "# nothing yet\n")
    with monkeypatch.context() as patched:
        patched.setattr("devbox.daemon.source.load", caught_empty)
        if settings is None:
            settings = Settings(tmp_path, {}, {})
        else:
            settings.reload()
    assert settings.config.target == ""
    assert settings.reload() is True
    assert settings.config.target == "whole"


def test_a_bad_change_is_said_once_and_the_former_settings_stay(tmp_path: Path) -> None:
    write(tmp_path, 'target = "one"\n')
    settings = Settings(tmp_path, {}, {})
    write(tmp_path, "target = 3\n")
    with pytest.raises(ConfigError, match="target"):
        settings.reload()
    assert settings.config.target == "one"
    assert settings.reload() is False
    write(tmp_path, "target = 3 # still\n")
    with pytest.raises(ConfigError, match="target"):
        settings.reload()
    write(tmp_path, 'target = "one"\n')
    assert settings.reload() is False
    write(tmp_path, 'target = "two"\n')
    assert settings.reload() is True


@pytest.mark.parametrize("half", ["missing", "cut off", "others"])
def test_a_compose_file_that_is_half_saved_leaves_its_project_in_force(tmp_path: Path, half: str) -> None:
    """An editor removes or empties a file before it writes, and what is there by then may even be valid."""
    docker, root = FakeDocker(tmp_path / "docker"), tmp_path / "shop"
    root.mkdir()
    file = root / "compose.yaml"
    others: dict[str, Any] = {"name": "shop", "services": {"db": {"image": "pg"}}}
    api = {"build": {"context": str(root), "dockerfile": "Dockerfile"}, "working_dir": "/one"}
    whole: dict[str, Any] = {"name": "shop", "services": {"api": api, **others["services"]}}
    docker.answers("config", out=whole)
    write(root, "services: whole\n", file.name)
    settings = Settings(root, {}, docker.environ)
    if half == "missing":
        file.unlink()
    else:
        write(root, "services:\n", file.name)
        answer: dict[str, Any] = (
            {"out": others} if half == "others" else {"err": "services must be a mapping", "status": 1}
        )
        docker.answers("config", **answer)
    with pytest.raises(ConfigError, match=r"compose\.yaml"):
        settings.reload()
    assert settings.config.compose is not None
    assert settings.refused
    assert settings.reload() is False
    whole["services"]["api"]["working_dir"] = "/two"
    docker.answers("config", out=whole)
    write(root, "services: whole again\n", file.name)
    assert settings.reload() is True
    assert (settings.config.workdir, settings.refused) == ("/two", "")


def test_a_compose_file_can_be_set_aside_while_devbox_runs(tmp_path: Path) -> None:
    docker, root = FakeDocker(tmp_path / "docker"), tmp_path / "shop"
    root.mkdir()
    write(root, "services: {}\n", "compose.yaml")
    docker.answers("config", out={"name": "shop", "services": {"api": {"build": {"context": str(root)}}}})
    settings = Settings(root, {}, docker.environ)
    assert settings.config.compose is not None
    write(root, "compose = false\n")
    assert settings.reload() is True
    assert settings.config.compose is None


def test_settings_are_those_of_the_path_whatever_becomes_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "devbox.toml").write_text("stop_grace = 7\n")
    monkeypatch.chdir(root)
    settings = Settings(Path(), {}, {})
    settings.reload()
    root.rename(tmp_path / "aside")
    assert not settings.reload()
    assert settings.config.stop_grace == 7
    root.mkdir()
    (root / "devbox.toml").write_text("stop_grace = 8\n")
    (tmp_path / "aside" / "devbox.toml").write_text("stop_grace = 9\n")
    assert settings.reload()
    assert (settings.config.root, settings.config.stop_grace) == (root, 8)


def test_what_was_missing_is_found_once_it_is_there(tmp_path: Path) -> None:
    """No settings file changes when the folder to mount is made, or the env file written."""
    settings = Settings(tmp_path, {}, {})
    write(tmp_path, 'volumes = ["./data:/data"]\nenv_file = "new.env"\n')
    with pytest.raises(ConfigError, match=r"new\.env"):
        settings.reload()
    assert settings.reload() is False
    write(tmp_path, "A=1\n", "new.env")
    with pytest.raises(ConfigError, match="data"):
        settings.reload()
    (tmp_path / "data").mkdir()
    assert settings.reload() is True
    assert settings.config.environment == {"A": "1"}
    assert settings.reload() is False


def test_an_env_file_is_part_of_the_settings(tmp_path: Path) -> None:
    write(tmp_path, "A=1\n", "x.env")
    write(tmp_path, 'env_file = "x.env"\n')
    settings = Settings(tmp_path, {}, {})
    write(tmp_path, "A=2\n", "x.env")
    assert settings.reload() is True
    assert settings.config.environment == {"A": "2"}
    # One that the new settings name counts from then on.
    write(tmp_path, "A=3\n", "y.env")
    write(tmp_path, 'env_file = ["x.env", "y.env"]\n')
    assert settings.reload() is True
    write(tmp_path, "A=4\n", "y.env")
    assert settings.reload() is True
    assert settings.config.environment == {"A": "4"}
    (tmp_path / "y.env").unlink()
    with pytest.raises(ConfigError, match=r"y\.env"):
        settings.reload()
    assert settings.config.environment == {"A": "4"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("x = 1\n")
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\nCOPY . .\n")
    return tmp_path


async def digest(config: Config) -> str:
    async with Watcher(config.context, dockerfile=config.dockerfile) as watcher:
        return (await read_source(config, watcher, Template())).context_digest


async def test_a_source_is_everything_that_is_built_from(project: Path) -> None:
    config = load(project, {}, {})
    async with Watcher(config.context, dockerfile=config.dockerfile) as watcher:
        source = await read_source(config, watcher, Template())
    assert set(source.snapshot.entries) == {"app.py", "Dockerfile"}
    assert source.dockerfile_name == "Dockerfile"
    assert source.dockerfile_bytes == (project / "Dockerfile").read_bytes()
    assert [one.keyword for one in source.dockerfile.instructions] == ["FROM", "COPY"]
    assert source.identity.config_hash == config.config_hash
    assert source.identity.context_digest == source.context_digest
    assert source.seconds > 0


async def test_the_digest_changes_with_content_and_comes_back_with_it(project: Path) -> None:
    config = load(project, {}, {})
    first = await digest(config)
    assert await digest(config) == first
    (project / "app.py").write_text("x = 2\n")
    assert await digest(config) != first
    (project / "app.py").write_text("x = 1\n")
    assert await digest(config) == first


async def test_the_dockerfile_counts_though_it_is_ignored(project: Path) -> None:
    (project / ".dockerignore").write_text("Dockerfile\n")
    config = load(project, {}, {})
    first = await digest(config)
    (project / "Dockerfile").write_text("FROM python:3.13-slim\nCOPY app.py .\n")
    assert await digest(config) != first


async def test_another_dockerfile_of_the_same_content_is_another_source(project: Path) -> None:
    (project / "Dockerfile.dev").write_bytes((project / "Dockerfile").read_bytes())
    assert await digest(load(project, {}, {})) != await digest(
        load(project, {"dockerfile": "Dockerfile.dev"}, {})
    )


async def test_a_dockerfile_outside_of_the_context_has_a_name_of_its_own(project: Path) -> None:
    (project / "src").mkdir()
    config = load(project, {"context": "src"}, {})
    async with Watcher(config.context, dockerfile=config.dockerfile) as watcher:
        source = await read_source(config, watcher, Template())
    assert source.dockerfile_name == ".devbox.Dockerfile"
    assert "Dockerfile" not in source.snapshot.entries


async def test_a_dockerfile_in_a_folder_keeps_its_path(project: Path) -> None:
    (project / "docker").mkdir()
    (project / "Dockerfile").rename(project / "docker" / "web")
    config = load(project, {"dockerfile": "docker/web"}, {})
    async with Watcher(config.context, dockerfile=config.dockerfile) as watcher:
        assert (await read_source(config, watcher, Template())).dockerfile_name == "docker/web"


@pytest.mark.parametrize(
    ("make", "what"), [("unlink", "there is no Dockerfile"), ("folder", "cannot be read")]
)
async def test_a_dockerfile_that_is_not_there_is_named(project: Path, make: str, what: str) -> None:
    (project / "Dockerfile").unlink()
    if make == "folder":
        (project / "Dockerfile").mkdir()
    with pytest.raises(DockerfileError, match=what) as caught:
        await digest(load(project, {}, {}))
    assert caught.value.path == "Dockerfile"


async def test_one_that_does_not_parse_is_named_with_its_line(project: Path) -> None:
    (project / "Dockerfile").write_text("FROM python:3.13-slim\n\nRUNN x\n")
    with pytest.raises(DockerfileError) as caught:
        await digest(load(project, {}, {}))
    assert (caught.value.path, caught.value.line) == ("Dockerfile", 3)


async def test_a_dockerfile_with_a_mark_and_in_latin_is_read(project: Path) -> None:
    (project / "Dockerfile").write_bytes(b"\xef\xbb\xbfFROM python:3.13-slim\nRUN echo gr\xfc\xdfe\n")
    assert await digest(load(project, {}, {}))
