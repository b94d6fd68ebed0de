"""A project that needs more than one container: Docker Compose runs the others."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from scripts import compose
from tests.e2e.compose_project import (
    ADD_PRICES,
    services_image,
    write_compose_project,
    write_several_services,
    write_watched_project,
)
from tests.e2e.conftest import StartUp, containers_of
from tests.e2e.devboxes import answer, run, wait_until


@pytest.fixture(scope="module")
def services(
    engine: docker.DockerClient, base_images: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base_images("python:3.13-slim")
    services_image(engine, tmp_path_factory.mktemp("services") / "image")


@pytest.fixture
def composed(folder: Path, services: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a project, with Compose to be found; nothing of it is left behind."""
    for name, value in compose.environment(tmp_path / "docker", os.environ).items():
        monkeypatch.setenv(name, value)
    yield folder
    asked(folder, "down", "--volumes", "--timeout", "1")


@pytest.fixture
def shop(composed: Path) -> Path:
    """A project with one service to develop."""
    write_compose_project(composed)
    return composed


@pytest.fixture
def several(composed: Path, engine: docker.DockerClient) -> Iterator[Path]:
    """A project with three services to develop; no image of them is left behind."""
    write_several_services(composed)
    yield composed
    for name in ("api", "worker", "page"):
        for image in engine.images.list(filters={"label": f"dev.devbox.project={composed.name}-{name}"}):
            engine.images.remove(str(image.id), force=True)


def asked(folder: Path, *arguments: str) -> str:
    """What `docker compose` in the project's folder prints."""
    done = subprocess.run(
        ["docker", "compose", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def running(folder: Path) -> set[str]:
    """The services that Compose runs."""
    return set(asked(folder, "ps", "--services", "--status", "running").split())


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_application_between_its_database_and_its_cache(
    shop: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    up = start(port="")
    ready = up.wait_for("services.ready", bound=300)
    assert set(ready["services"]) == {"db", "cache"}
    first = up.served(bound=300)
    assert up.of("change.ignored") == []
    # The migration ran before the application was started, and the file says how that is done.
    assert answer(up.url, "/order/tea") == '"tea"'
    assert answer(up.url, "/orders") == '[["tea"]]'
    assert answer(up.url, "/mode") == '"quiet"'
    assert answer(up.url, "/visits") == "1"
    # What needs the application starts once that serves, and reaches it by the service's name.
    assert set(up.wait_for("services.ready", after=first["seq"])["services"]) == {"checks"}
    wait_until(lambda: "first" in asked(shop, "logs", "checks"), "the check of another service")

    before = up.seq
    edit(shop / "main.py", '"first"', '"second"')
    up.serves("second")
    # It answers before it is said to.
    up.served(after=before)
    assert answer(up.url, "/orders") == '[["tea"]]'
    assert answer(up.url, "/visits") == "2"

    before = up.seq
    (shop / "migrate.py").write_text(ADD_PRICES)
    assert up.served(after=before)["strategy"] == "rolling"
    assert answer(up.url, "/orders") == '[["tea",7]]'

    # A change of the compose file's own: the env file it names.
    (shop / "shop.env").write_text("MODE=loud\n")
    up.until(lambda: answer(up.url, "/mode") == '"loud"', "the changed env file")

    assert up.interrupt() == 130
    assert containers_of(engine, shop.name) == []
    assert running(shop) == {"db", "cache", "checks"}

    again = start(port="")
    again.served(bound=120)
    assert answer(again.url, "/orders") == '[["tea",7]]'
    assert run("down", str(shop)).returncode == 0
    assert running(shop) == {"db", "cache", "checks"}

    assert run("down", "--services", str(shop)).returncode == 0
    assert running(shop) == set()
    volumes = {volume.name for volume in engine.volumes.list()}
    assert f"{shop.name}_orders" in volumes


def test_a_migration_that_fails_leaves_the_old_code_serving(shop: Path, start: StartUp) -> None:
    up = start(port="")
    up.served(bound=300)
    (shop / "migrate.py").write_text("raise SystemExit('no such table: drinks')\n")
    failed = up.wait_for("release.failed", bound=120)
    assert any("no such table: drinks" in line for line in failed["failure"]["log"])
    assert failed["serving"] == 1
    assert answer(up.url) == '"first"'


def test_a_service_that_cannot_start_is_named_with_what_it_wrote(shop: Path, start: StartUp) -> None:
    edit(shop / "compose.yaml", "exec postgres", "echo no disk left >&2; exit 3; exec postgres")
    up = start(port="")
    up.process.wait(120)
    assert up.process.returncode == 1
    failure = up.of("services.failed")[0]["failure"]
    assert failure["what"] == "service 'db' of compose.yaml exited with status 3"
    assert "no disk left" in failure["log"]


def test_a_service_that_is_added_while_devbox_runs_is_started(shop: Path, start: StartUp) -> None:
    # What is part of the build context is built, whatever else it is.
    (shop / ".dockerignore").write_text("compose.yaml\n")
    up = start(port="")
    up.served(bound=300)
    up.wait_for("services.ready", services=["checks"])
    edit(shop / "compose.yaml", "  shop:\n", "  mail:\n    image: devbox-test-services\n"
         "    command: [sleep, '3600']\n    init: true\n  shop:\n")  # fmt: skip
    up.until(lambda: any("mail" in ready["services"] for ready in up.of("services.ready")), "mail is ready")
    assert "mail" in running(shop)
    assert len(up.of("release.served")) == 1


def test_what_watch_ignores_is_not_built_for_and_in_the_next_image(
    composed: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    write_watched_project(composed)
    up = start(port="")
    up.served(bound=300)
    assert up.of("context.notice") == []

    for name in ("a.log", "notes/new.txt"):
        before = up.seq
        (composed / name).write_text("second")
        ignored = up.wait_for("change.ignored", after=before)
        assert (ignored["paths"], ignored["reason"]) == ([name], "develop.watch leaves it out")
    assert run("wait", "--timeout", "30", str(composed)).returncode == 0
    assert len(up.of("build.started")) == 1
    assert (answer(up.url, "/a.log"), answer(up.url, "/notes/new.txt")) == ("first", "none")

    before = up.seq
    (composed / "text").write_text("second")
    served = up.served(after=before)
    files = [answer(up.url, name) for name in ("/text", "/a.log", "/notes/new.txt")]
    assert files == ["second"] * 3

    (composed / "notes" / "kept.txt").write_text("second")
    up.served(after=served["seq"])
    assert answer(up.url, "/notes/kept.txt") == "second"


def test_several_services_are_developed_each_with_its_own_loop(
    several: Path, start: StartUp, engine: docker.DockerClient
) -> None:
    names = ("api", "page", "worker")
    up = start(port="")
    served = [up.wait_for("release.served", service=name, bound=300) for name in names]
    urls = {event["service"]: event["url"] for event in served}
    assert [answer(urls[name]) for name in names] == [f"{name} first" for name in names]
    # One cache for all, and each other by name.
    assert [answer(urls[name], "/visits") for name in ("api", "worker")] == ["1", "2"]
    assert answer(urls["api"], "/worker") == "worker first"
    assert running(several) == {"cache"}

    edit(several / "web" / "main.py", "first", "second")
    up.until(lambda: answer(urls["api"]) == "api second", "api")
    up.until(lambda: answer(urls["worker"]) == "worker second", "worker")
    assert answer(urls["page"]) == "page first"
    edit(several / "page" / "main.py", "first", "third")
    up.until(lambda: answer(urls["page"]) == "page third", "page")
    # A source-only edit of one context is no build of the other.
    builds = [event["service"] for event in up.of("build.started")]
    assert sorted(builds) == ["api", "api", "page", "page", "worker", "worker"]

    assert run("wait", str(several)).stdout.count("serves what is on disk") == 3
    status = run("status", str(several)).stdout
    assert all(f"{several.name}-{name} serving revision 2" in status for name in names)
    unnamed = run("logs", str(several))
    assert unnamed.returncode == 2
    assert "builds 3 services: api, page, worker" in unnamed.stderr
    assert "GET / HTTP" in run("logs", ":worker", cwd=several).stderr

    assert run("down", ":page", cwd=several).returncode == 0
    up.until(lambda: answer(urls["page"]) == "", "page is down")
    assert answer(urls["api"]) == "api second"
    down = run("down", str(several))
    assert down.returncode == 0, down.stderr
    assert up.process.wait(60) == 0
    assert [containers_of(engine, f"{several.name}-{name}") for name in names] == [[], [], []]
    assert running(several) == {"cache"}


def test_several_services_are_served_in_the_background(several: Path, start: StartUp) -> None:
    (several / "page" / "Dockerfile").write_text("FROM python:3.13-slim\nRUN exit 3\n")
    up = run("up", "-d", str(several), bound=300)
    # What fails leaves the others alone, and is what the whole ends with.
    assert up.returncode == 1
    assert "page   | devbox: build 1 failed" in up.stdout
    status = run("status", "--json", str(several)).stdout.splitlines()
    found = {item["project"].removeprefix(f"{several.name}-"): item for item in map(json.loads, status)}
    assert [found[name]["state"] for name in ("api", "page", "worker")] == ["serving", "failed", "serving"]
    assert answer(found["api"]["urls"][0], "/worker") == "worker first"
    assert run("doctor", str(several)).stdout.count("ok       engine: ") == 3
    refused = run("up", str(several), "-p", "8000:8000")
    assert refused.returncode == 2
    assert "-p is for one service" in refused.stderr
    assert run("down", "--services", str(several)).returncode == 0
    assert running(several) == set()
