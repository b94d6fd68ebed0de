"""The settings of the container over every swap, memory that runs out, restarts that Docker makes, and
commands before a start, through the real CLI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from devbox.events import from_json
from devbox.report.plain import lines
from tests.e2e.apps import write_project, write_server
from tests.e2e.conftest import StartUp, containers_of
from tests.e2e.devboxes import BOUND, answer, run

DOCKERFILE = """\
FROM python:3.13-slim AS web
ARG FLAVOUR=none
WORKDIR /code
RUN --mount=type=secret,id=token cat /run/secrets/token > /code/token && echo $FLAVOUR > /code/flavour
COPY requirements.txt .
RUN cat requirements.txt
COPY note.txt server.py ./
VOLUME /anonymous
HEALTHCHECK CMD false
CMD ["python", "nothing.py"]
FROM web AS other
RUN false
"""
SETTINGS = """\
target = "web"
env_file = "web.env"
volumes = ["{name}-data:/data", "./shown:/shown:ro"]
networks = ["name={name}-net,alias=web", "{name}-shared"]
tmpfs = ["/scratch:size=1m"]
memory = "96m"
cpus = 0.75
restart = "on-failure:2"
user = "1000:1000"
workdir = "/code"
command = ["python", "server.py"]
health_cmd = "true"
health_interval = "41s"
health_timeout = "7s"
health_retries = 4
health_start_period = "3s"
extra_hosts = ["db.example:10.9.8.7"]
stop_signal = "SIGINT"
workers = 2

[environment]
COLOUR = "blue"

[build_args]
FLAVOUR = "mint"

[secrets]
token = {{ src = "../token.txt" }}

[labels]
"com.example.team" = "web"
"""
MORE = """
        if name == "crash":
            os._exit(3)
        if name == "eat":
            hoard = [bytearray(1 << 20) for _ in range(4096)]
        if name == "eat-beside":
            import subprocess
            code = "hoard = [bytearray(1 << 20) for _ in range(4096)]"
            body = str(subprocess.run([sys.executable, "-c", code]).returncode)
        if name.startswith("env/"):"""


def write_greedy(folder: Path, text: str = "one") -> None:
    """The server with ways to end it."""
    write_project(folder, text)
    make_greedy(folder)


def make_greedy(folder: Path) -> None:
    source = (folder / "server.py").read_text()
    (folder / "server.py").write_text(source.replace('\n        if name.startswith("env/"):', MORE))


@pytest.fixture
def shared(folder: Path, engine: docker.DockerClient) -> Iterator[str]:
    """A network of somebody else's."""
    network = engine.networks.create(f"{folder.name}-shared")
    yield str(network.name)
    network.remove()


@pytest.fixture
def settings(folder: Path, shared: str) -> Path:
    """A project with every setting of the container."""
    write_project(folder, dockerfile=DOCKERFILE)
    (folder.parent / "token.txt").write_text("s3cret")
    (folder / "web.env").write_text("SHAPE=round\n")
    (folder / "note.txt").write_text("first")
    (folder / "shown").mkdir()
    (folder / "shown" / "note").write_text("shown")
    (folder / ".dockerignore").write_text("shown\nweb.env\ndevbox.toml\n")
    (folder / "devbox.toml").write_text(SETTINGS.format(name=folder.name))
    return folder


def serving(engine: docker.DockerClient, project: str, revision: int) -> Container:
    """The container of a revision."""
    (found,) = [
        item
        for item in containers_of(engine, project)
        if str(item.name).startswith(f"devbox-{project}-r{revision}") and item.status == "running"
    ]
    return found


def settings_of(container: Container, project: str) -> dict[str, Any]:
    """All that the settings say of a container, as the engine tells it."""
    container.reload()
    data = container.attrs
    host, config = data["HostConfig"], data["Config"]
    networks = data["NetworkSettings"]["Networks"]
    own = {name: set(each["Aliases"] or ()) - {container.short_id} for name, each in networks.items()}
    mounts = {each["Destination"]: each for each in data["Mounts"]}
    variables = dict(entry.split("=", 1) for entry in config["Env"])
    return {
        "networks": {name.removeprefix(project): aliases for name, aliases in own.items()},
        "mounts": {path: (each["Type"], each.get("Name", ""), each["RW"]) for path, each in mounts.items()},
        "tmpfs": host["Tmpfs"],
        "limits": (host["Memory"], host["NanoCpus"]),
        "restart": (host["RestartPolicy"]["Name"], host["RestartPolicy"]["MaximumRetryCount"]),
        "runs as": (config["User"], config["WorkingDir"]),
        # Newer engines tell of one more, the pace while a standby waits.
        "health": {key: value for key, value in config["Healthcheck"].items() if key != "StartInterval"},
        "hosts": host["ExtraHosts"],
        "signal": config["StopSignal"],
        "label": config["Labels"]["com.example.team"],
        "variables": {name: variables.get(name) for name in ("COLOUR", "SHAPE", "WEB_CONCURRENCY")},
    }


def expected(project: str, anonymous: str) -> dict[str, Any]:
    return {
        "networks": {"-net": {"web"}, "-shared": set()},
        "mounts": {
            "/data": ("volume", f"{project}-data", True),
            "/shown": ("bind", "", False),
            "/anonymous": ("volume", anonymous, True),
        },
        "tmpfs": {"/scratch": "size=1m"},
        "limits": (96 << 20, 750_000_000),
        "restart": ("on-failure", 2),
        "runs as": ("1000:1000", "/code"),
        "health": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 41_000_000_000,
            "Timeout": 7_000_000_000,
            "StartPeriod": 3_000_000_000,
            "Retries": 4,
        },
        "hosts": ["db.example:10.9.8.7"],
        "signal": "SIGINT",
        "label": "web",
        "variables": {"COLOUR": "blue", "SHAPE": "round", "WEB_CONCURRENCY": "2"},
    }


def anonymous_of(container: Container) -> str:
    mounts = container.attrs["Mounts"]
    return next(str(each["Name"]) for each in mounts if each["Destination"] == "/anonymous")


def test_every_setting_is_on_each_revision_however_it_went_live(
    settings: Path, engine: docker.DockerClient, start: StartUp, shared: str
) -> None:
    project = settings.name
    up = start()
    names: set[str] = set()

    def holds(event: dict[str, Any], strategy: str) -> None:
        assert event["strategy"] == strategy, up.said()
        container = serving(engine, project, event["revision"])
        container.reload()
        names.add(anonymous_of(container))
        wanted = expected(project, anonymous_of(container))
        if strategy == "warm":
            # While it stood by no check was to fail it, and this cannot be changed any more.
            wanted["health"]["StartPeriod"] = 365 * 86400 * 1_000_000_000
        assert settings_of(container, project) == wanted
        url = event["url"]
        assert answer(url, "/read/code/token") == "s3cret"
        assert answer(url, "/read/code/flavour").strip() == "mint"
        assert answer(url, "/read/shown/note") == "shown"
        assert "10.9.8.7" in answer(url, "/read/etc/hosts")

    holds(up.served(), "rolling")
    up.wait_for("standby.changed", ready=True)
    (standby,) = [item for item in containers_of(engine, project) if "standby" in str(item.name)]
    assert settings_of(standby, project)["networks"] == {"-net": set(), "-shared": set()}

    seen = up.seq
    write_server(settings, "two")
    holds(up.served(after=seen), "warm")
    up.serves("two")
    found = engine.containers.run(
        "python:3.13-slim",
        ["python", "-c", "import urllib.request as r; print(r.urlopen('http://web:8000').read().decode())"],
        network=f"{project}-net",
        remove=True,
    )
    assert found.decode().strip() == "two"

    up.wait_for("standby.changed", after=seen, ready=True)
    seen = up.seq
    # It is known that the command, though it is not the image's own, begins with the application itself.
    (settings / "note.txt").write_text("second")
    holds(up.served(after=seen), "warm")
    up.serves("second", "/read/code/note.txt")

    seen = up.seq
    (settings / "requirements.txt").write_text("# still none\n")
    holds(up.served(after=seen), "rolling")

    seen = up.seq
    assert run("rollback", "2", str(settings)).returncode == 0
    holds(up.served(after=seen), "rollback")

    up.kill()
    up = start()
    holds(up.served(), "adopted")
    assert up.interrupt() == 130
    assert [network.name for network in engine.networks.list(names=[project])] == [shared]

    up = start("--swap", "recreate")
    holds(up.served(), "recreate")
    seen = up.seq
    write_server(settings, "three")
    holds(up.served(after=seen), "recreate")
    assert len(names) == 1


def test_a_network_that_others_are_in_stays_until_they_leave(
    settings: Path, engine: docker.DockerClient, start: StartUp
) -> None:
    name = f"{settings.name}-net"
    up = start()
    up.served()
    other = engine.containers.create("python:3.13-slim", ["sleep", "60"], network=name)
    try:
        assert up.interrupt() == 130
        assert [network.name for network in engine.networks.list(names=[name])] == [name]
    finally:
        other.remove(force=True)
    down = run("down", str(settings))
    assert f"removed network {name}" in down.stdout
    assert engine.networks.list(names=[name]) == []


def test_a_container_that_is_killed_for_its_memory_says_so_in_one_line(folder: Path, start: StartUp) -> None:
    write_greedy(folder)
    up = start("-m", "64m")
    up.served()
    assert answer(up.url, "/eat-beside") == "-9"
    beside = up.wait_for("app.out_of_memory")
    answer(up.url, "/eat")
    exited = up.wait_for("app.exited")
    told = [line for event in (beside, exited) for line in lines(from_json(json.dumps(event)))]
    assert [line for line in told if line.startswith("devbox: ") and "problem" not in line] == [
        "devbox: a process of revision 1 was killed: out of memory (limit 64 MB)",
        "devbox: revision 1 was killed: out of memory (limit 64 MB)",
    ]


def test_a_start_that_takes_too_much_memory_is_refused_and_named(folder: Path, start: StartUp) -> None:
    write_project(folder)
    up = start("--memory", "64m")
    up.served()
    source = (folder / "server.py").read_text()
    (folder / "server.py").write_text(f"hoard = [bytearray(1 << 20) for _ in range(4096)]\n{source}")
    failed = up.wait_for("release.failed")
    assert failed["failure"]["what"] == "was killed: out of memory (limit 64 MB)"
    assert failed["serving"] == 1
    up.serves("one")


def test_what_docker_starts_again_serves_again(
    folder: Path, engine: docker.DockerClient, start: StartUp
) -> None:
    write_greedy(folder)
    up = start("--restart", "always")
    first = up.served()
    answer(first["url"], "/crash")
    exited = up.wait_for("app.exited")
    assert (exited["exit_status"], exited["restarting"]) == (3, True)
    again = up.wait_for("release.served", strategy="restarted")
    assert again["url"] == first["url"]
    up.serves("one")
    up.wait_for("standby.changed", ready=True)
    seen = up.seq
    write_server(folder, "two")
    make_greedy(folder)
    assert up.served(after=seen)["strategy"] == "warm"
    up.serves("two")
    seen = up.seq
    answer(first["url"], "/crash")
    up.wait_for("release.served", after=seen, strategy="restarted")
    up.serves("two")
    seen = up.seq
    serving(engine, folder.name, 2).restart(timeout=1)
    up.wait_for("release.served", after=seen, strategy="restarted")
    up.serves("two")


def test_a_command_after_the_dashes_is_what_runs(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / "other.py").write_text((folder / "server.py").read_text().replace("'one'", "'other'"))
    dockerfile = (folder / "Dockerfile").read_text().replace("COPY server.py .", "COPY *.py ./")
    (folder / "Dockerfile").write_text(dockerfile)
    up = start("-w", "/code", "--", "python", "other.py")
    up.served()
    up.serves("other")


MIGRATION = """\
import pathlib, sys
store = pathlib.Path("/data/store")
print("migrating", flush=True)
known = store.read_text() if store.exists() else ""
store.write_text(known + "{mark};")
sys.exit({status})
"""


def test_a_migration_runs_before_the_start_and_keeps_the_data(folder: Path, start: StartUp) -> None:
    write_project(folder)
    (folder / "migrations").mkdir()
    dockerfile = (folder / "Dockerfile").read_text()
    copies = "COPY migrations migrations\nCOPY server.py ."
    (folder / "Dockerfile").write_text(dockerfile.replace("COPY server.py .", copies))

    def migrate(mark: str, status: int = 0) -> None:
        (folder / "migrations" / "run.py").write_text(MIGRATION.format(mark=mark, status=status))

    migrate("first")
    command = ["python", "migrations/run.py"]
    entry = f'{{ run = {json.dumps(command)}, when = ["migrations/**"] }}'
    (folder / "devbox.toml").write_text(f'volumes = ["{folder.name}-data:/data"]\nbefore_start = [{entry}]\n')
    up = start()
    assert up.served()["timings"]["before_start"] > 0
    assert up.of("release.log")[0]["line"] == "migrating"
    up.serves("first;", "/read/data/store")

    up.wait_for("standby.changed", ready=True)
    seen = up.seq
    write_server(folder, "two")
    assert up.served(after=seen)["strategy"] == "warm"
    assert answer(up.url, "/read/data/store") == "first;"

    seen = up.seq
    migrate("broken", status=4)
    failed = up.wait_for("release.failed", after=seen)
    assert failed["failure"]["what"] == "before_start python migrations/run.py: exited with status 4"
    assert failed["failure"]["log"] == ["migrating"]
    assert failed["serving"] == 2
    up.serves("two")

    seen = up.seq
    migrate("third")
    served = up.served(after=seen)
    assert (served["strategy"], served["timings"]["before_start"] > 0) == ("rolling", True)
    assert answer(up.url, "/read/data/store") == "first;broken;third;"

    # What has succeeded is known from the container's label to whoever adopts it.
    up.kill()
    up = start()
    assert up.served()["strategy"] == "adopted"
    seen = up.seq
    write_server(folder, "four")
    up.served(after=seen, bound=BOUND)
    up.serves("four")
    assert answer(up.url, "/read/data/store") == "first;broken;third;"
