"""A project of its own for every test, and nothing of it left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.e2e.devboxes import Up, run

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "sample"

StartUp = Callable[..., Up]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine, seen with other eyes than devbox's own; no engine is a failure, never a skip."""
    client = docker.from_env()
    client.ping()
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_images() -> Callable[..., None]:
    """Makes sure that images of these names are there (real ones, or stand-ins where none can be pulled)."""

    def ensure(*names: str) -> None:
        subprocess.run([REPOSITORY / "scripts" / "base-image", *names], check=True, timeout=1200)

    return ensure


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project folder with a name that no other project has, and runtime and state directories of
    the test's own, the former short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        root = tmp_path / f"p{uuid.uuid4().hex[:10]}"
        root.mkdir()
        yield root


@pytest.fixture
def start(folder: Path, engine: docker.DockerClient) -> Iterator[StartUp]:
    """Starts `devbox up` on the test's folder; ends every one, and checks that nothing of it is left."""
    running: list[Up] = []

    def begin(*arguments: str, root: Path | None = None, port: str = "0:8000", **environment: str) -> Up:
        running.append(Up(root or folder, *arguments, port=port, **environment))
        return running[-1]

    yield begin
    for up in running:
        if up.process.poll() is None:
            up.kill()
    down = run("down", str(folder), "--volumes")
    for image in engine.images.list(filters={"label": f"dev.devbox.project={folder.name}"}):
        engine.images.remove(str(image.id), force=True)
    assert down.returncode == 0, down.stderr
    assert left_behind(engine, folder.name) == []


def containers_of(engine: docker.DockerClient, project: str) -> list[Container]:
    """Every container of a project, running or not."""
    # One that goes away between the listing and the look at it is no container any more.
    return engine.containers.list(
        all=True, filters={"label": f"dev.devbox.project={project}"}, ignore_removed=True
    )


def left_behind(engine: docker.DockerClient, project: str) -> list[str]:
    """Everything of a project that is still there: containers, processes, runtime files."""
    containers = [str(item.name) for item in containers_of(engine, project)]
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    files = [str(path) for path in runtime.rglob("*")]
    return containers + files


@pytest.fixture
def sample(folder: Path) -> Path:
    """A copy of sample/."""
    copy_sample(folder)
    return folder


def copy_sample(folder: Path) -> None:
    """Copies sample/ into `folder`, with a volume of its own."""
    shutil.copytree(
        SAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".vscode")
    )
    settings = folder / "devbox.toml"
    settings.write_text(settings.read_text().replace("sample-data:", f"{folder.name}-data:"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A first build may install packages: these tests get a longer bound than the others."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(600))
