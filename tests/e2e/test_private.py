"""What is private: build secrets, images of a registry that asks for a token, `# syntax=` frontends."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.job import Asked, BuildJob
from devbox.engine import connect
from devbox.errors import BuildFailed
from devbox.events import BuildLog, Event
from devbox.model import Plan
from devbox.watch import Scanner
from tests.e2e.apps import write_project
from tests.e2e.conftest import StartUp
from tests.e2e.devboxes import answer, run
from tests.e2e.private_registry import USER, PrivateRegistry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    """A registry that asks for a token."""
    registry = PrivateRegistry(tmp_path_factory.mktemp("registry"))
    yield registry
    registry.close()


@pytest.fixture
def taken(engine: docker.DockerClient) -> Iterator[list[str]]:
    """Images to remove after the test, by reference."""
    references: list[str] = []
    yield references
    for reference in references:
        for image in engine.images.list(reference):
            engine.images.remove(str(image.id), force=True)


def test_private_images_are_had_with_the_users_login(
    folder: Path, start: StartUp, engine: docker.DockerClient, registry: PrivateRegistry, taken: list[str]
) -> None:
    note = "FROM scratch\nCOPY Dockerfile /note\n"
    taken.append(registry.push(engine, note, "private/note:1"))
    # Only BuildKit knows the name of this one: it is not pulled first, but asked for on the session.
    architecture = str(engine.version()["Arch"])
    registry.push(engine, f"{note}LABEL second=1\n", f"private/second:{architecture}")
    second = f"{registry.host}/private/second:${{TARGETARCH}}"
    write_project(
        folder,
        dockerfile=f"FROM {taken[0]} AS first\nFROM {second} AS second\n"
        "FROM python:3.13-slim\nCOPY --from=first /note /first\nCOPY --from=second /note /second\n"
        'COPY server.py .\nCMD ["python", "server.py"]\n',
    )
    up = start("--no-watch", DOCKER_CONFIG=str(registry.docker_config()))
    up.served()
    assert answer(up.url, "/read/first") == note
    assert answer(up.url, "/read/second") == f"{note}LABEL second=1\n"
    assert set(registry.asked) == {USER}


@pytest.mark.parametrize("tag", ["1", "${TARGETARCH}"])
@pytest.mark.parametrize("password", ["", "wrong"])
def test_without_the_right_login_the_build_says_what_is_missing(
    folder: Path, start: StartUp, registry: PrivateRegistry, tag: str, password: str, tmp_path: Path
) -> None:
    configuration = registry.docker_config(password) if password else tmp_path
    write_project(folder, dockerfile=f"FROM {registry.host}/private/none:{tag}\n")
    up = start("--no-watch", DOCKER_CONFIG=str(configuration))
    failure = up.wait_for("build.failed")["failure"]
    assert "docker login" in failure["hint"]
    assert up.process.wait(60) == 1


def test_secrets_reach_the_build_and_nothing_else(
    folder: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    value = f"token-{uuid.uuid4().hex}"
    (folder / "token.txt").write_text(f"{value}\nsecond-{value}\n")
    step = (
        "RUN --mount=type=secret,id=token --mount=type=secret,id=key,required=true"
        " cat /run/secrets/token /run/secrets/key && sha256sum < /run/secrets/token > /digest"
    )
    dockerfile = f'FROM python:3.13-slim\nCOPY server.py .\n{step}\nCMD ["python", "server.py"]\n'
    # A text of its own: a step that is cached asks for no secret.
    write_project(folder, folder.name, dockerfile=dockerfile)
    (folder / ".dockerignore").write_text("*\n!server.py\n")
    up = start("--secret", "id=token,src=token.txt", THE_KEY=f"key-{value}")
    failure = up.wait_for("build.failed", bound=120)["failure"]
    assert "'key'" in failure["hint"]
    assert "--secret id=key,src=FILE" in failure["hint"]

    (folder / "devbox.toml").write_text('[secrets]\nkey = { env = "THE_KEY" }\n')
    served = up.served(after=up.seq, bound=120)
    digest = hashlib.sha256((folder / "token.txt").read_bytes()).hexdigest()
    assert answer(up.url, "/read/digest").startswith(digest)
    shown = [event["line"] for event in up.of("build.log") if event["step"].startswith("RUN")]
    assert shown == ["***"] * 3, up.said()

    (folder / "Dockerfile").write_text(dockerfile.replace(" > /digest", " && cat /run/secrets/key && exit 7"))
    failed = up.wait_for("build.failed", after=served["seq"], bound=120)
    assert failed["failure"]["log"][-1] == "***"
    settings = run("config", str(folder)).stdout
    assert "THE_KEY" in settings
    inspected = [
        image.attrs for image in engine.images.list(filters={"label": f"dev.devbox.project={folder.name}"})
    ]
    told = f"{up.events}{up.errors}{settings}{inspected}"
    assert value not in told


@pytest.fixture(scope="module")
def frontend(
    engine: docker.DockerClient, registry: PrivateRegistry, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A frontend's image, in the registry and not in the engine."""
    context = tmp_path_factory.mktemp("frontend")
    shutil.copy(Path(__file__).with_name("frontend.py"), context)
    text = 'FROM python:3.13-slim\nCOPY frontend.py /\nENTRYPOINT ["python3", "/frontend.py"]\n'
    return registry.push(engine, text, "private/frontend:1", context)


READ_BY = 'FROM python:3.13-slim\nARG READ_BY=nobody\nRUN echo "$READ_BY" | tee /read-by\n'


def test_a_private_frontend_reads_the_dockerfile(
    folder: Path, start: StartUp, registry: PrivateRegistry, frontend: str, taken: list[str]
) -> None:
    taken.append(frontend)
    serves = 'COPY server.py .\nCMD ["python", "server.py"]\n'
    write_project(folder, dockerfile=f"# syntax={frontend}\n{READ_BY}{serves}")
    up = start("--no-watch", DOCKER_CONFIG=str(registry.docker_config()))
    up.served(bound=120)
    assert answer(up.url, "/read/read-by") == "the frontend of the test\n"


async def test_buildkit_fetches_a_private_frontend_by_itself(
    registry: PrivateRegistry, frontend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(registry.docker_config()))
    (tmp_path / "Dockerfile").write_text(f"# syntax={frontend}\n{READ_BY}RUN echo $READ_BY {tmp_path}\n")
    registry.asked.clear()
    heard: list[Event] = []
    client = await connect()
    tag = f"devbox-test/{uuid.uuid4().hex}:1"
    job = BuildJob(1, tag, tmp_path, Scanner(tmp_path).scan(), Plan("a test"), "Dockerfile", {})
    try:
        with pytest.raises(BuildFailed, match="no active sessions"):
            await BuildKitBuilder(client).build(job, heard.append)
        await BuildKitBuilder(client).build(replace(job, asked=Asked(session=True)), heard.append)
        await client.remove_image(tag)
    finally:
        await client.close()
    assert set(registry.asked) == {USER}
    assert f"the frontend of the test {tmp_path}" in {
        event.line for event in heard if isinstance(event, BuildLog)
    }
