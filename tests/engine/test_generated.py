"""Every Dockerfile that devbox writes: built, run, probed, stopped."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path

import pytest

from devbox.build.advice import advise
from devbox.build.dockerfile import parse
from devbox.build.plan import source_only
from devbox.config import load
from devbox.daemon.advising import given
from devbox.engine.values import ContainerSpec
from devbox.generate import DOCKERIGNORE, Generated, Options, Reader, generate
from devbox.healthcheck import asked_path
from devbox.model import LABEL_PROJECT, Snapshot
from devbox.release.probe import Readiness, must_speak, wait_ready
from devbox.watch import Scanner
from tests.engine.conftest import RealLab
from tests.engine.locks import build, lock_of
from tests.engine.projects import ASKED_FOR, SERVERS, VARIANTS, Project, write

pytestmark = pytest.mark.timeout(600)

_KILLED = 137


def generated(root: Path, project: Project) -> tuple[Snapshot, Generated]:
    snapshot = Scanner(root, unwritten=DOCKERIGNORE.encode()).scan()
    made = generate(Reader().read(root, snapshot.entries), Options(**project.options))  # type: ignore[arg-type]
    return snapshot, made


def ask(host: str, port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


async def proves_itself(lab: RealLab, project: Project, root: Path, folder: Path) -> None:
    write(root, project.files("hello", await lock_of(lab, project.manager, folder)))
    snapshot, made = generated(root, project)
    assert made.basis.command.words[0] == project.serves
    dockerfile = parse(made.dockerfile, "Dockerfile")
    assert source_only(dockerfile, {}, "", [project.source])
    content = made.dockerfile.encode()
    assert advise(given(load(root, {}, {}), dockerfile, content, snapshot.entries)) == ()

    image = await build(lab, root, snapshot, made.dockerfile)
    facts = await lab.engine.image(image.id)
    assert facts is not None
    port = made.basis.options.port
    assert [one.container_port for one in facts.exposed] == [port]
    assert asked_path(facts.healthcheck, port) == "/health"
    # As process 1, which ends only by what it listens to.
    spec = ContainerSpec(f"{lab.project}-run", image.id, {LABEL_PROJECT: lab.project}, init=False)
    container = await lab.engine.create(spec)
    await lab.engine.start(container)
    ready = Readiness(port, healthcheck=facts.healthcheck, speak=must_speak(facts.command), timeout=150)
    running = await wait_ready(lab.engine, container, await lab.engine.info(), ready)
    status, body = await asyncio.to_thread(ask, running.address, port, "/")
    assert (status, "hello" in body) == (200, True)

    inside = [
        ("python", *facts.healthcheck[2:]),
        ("sh", "-c", "test $(id -u) = 1000 && touch /app/new && test -w $HOME"),
        ("sh", "-c", f"test ! -w {project.source} && test ! -e .dockerignore"),
    ]
    for command in inside:
        done = await lab.engine.exec(container, command, 30)
        assert done.exit_status == 0, (command, done.output)
    await lab.engine.stop(container, 20)
    assert await lab.engine.wait(container) != _KILLED


@pytest.mark.parametrize("name", VARIANTS)
async def test_a_variant_serves(name: str, lab: RealLab, tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    await proves_itself(lab, VARIANTS[name], tmp_path / "project", tmp_path / "lock")


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_serves(name: str, lab: RealLab, tmp_path: Path) -> None:
    await proves_itself(lab, SERVERS[name], tmp_path / "project", tmp_path)


@pytest.mark.parametrize("name", ASKED_FOR)
async def test_what_was_asked_for_is_understood(name: str, lab: RealLab, tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    await proves_itself(lab, ASKED_FOR[name], tmp_path / "project", tmp_path / "lock")
