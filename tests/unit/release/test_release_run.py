"""The settings of the container in what is created, for the application, its standby and what runs before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devbox.config import Config, load
from devbox.engine.values import ContainerSpec, EngineInfo, ImageFacts
from devbox.errors import ConfigError
from devbox.model import LABEL_BEFORE_START, LABEL_ROLE, HealthCheck, NetworkAttachment, Revision
from devbox.release.spec import as_run, before_start_spec, container_spec, mounts, own_networks, standby_spec
from devbox.release.workers import workers_environment

LOCAL = EngineInfo("Docker Engine", "28.5", "1.51", "unix:///x", True, True)
REVISION = Revision(7, "sha256:1", "digest", "hash")
IMAGE = ImageFacts("sha256:1", command=("uvicorn", "app:app"), entrypoint=("tini", "--"), user="root")
ALL: dict[str, Any] = {
    "networks": ("name=back,alias=web", "bridge"),
    "tmpfs": ("/run:size=1m",),
    "memory": "64m",
    "cpus": 1.5,
    "user": "app",
    "workdir": "/srv",
    "extra_hosts": ("db:10.0.0.2",),
    "stop_signal": "INT",
    "labels": {"team": "web"},
    "health_cmd": "true",
    "workers": 2,
    "restart": "always",
}


def config(root: Path, **settings: Any) -> Config:
    return load(root, {"project": "shop", **settings}, {})


def spec(root: Path, image: ImageFacts = IMAGE, **settings: Any) -> ContainerSpec:
    return container_spec(config(root, **settings), image, REVISION, LOCAL, (), record="a=1")


def test_the_container_has_every_setting(tmp_path: Path) -> None:
    made = spec(tmp_path, **ALL)
    assert made.networks == (NetworkAttachment("back", ("web",)), NetworkAttachment("bridge"))
    assert (made.tmpfs, made.memory, made.cpus) == ({"/run": "size=1m"}, 64 << 20, 1.5)
    assert (made.user, made.working_directory, made.stop_signal) == ("app", "/srv", "SIGINT")
    assert (made.extra_hosts, made.health) == ({"db": "10.0.0.2"}, HealthCheck(("CMD-SHELL", "true")))
    assert made.environment == {"WEB_CONCURRENCY": "2"}
    assert (made.labels["team"], made.labels[LABEL_BEFORE_START]) == ("web", "a=1")
    assert made.command is None


def test_a_standby_is_alike_but_nobody_finds_it_by_an_alias(tmp_path: Path) -> None:
    made = spec(tmp_path, **ALL)
    standby = standby_spec(made, IMAGE, "standby", ("python",), {}, "/srv")
    assert standby.networks == (NetworkAttachment("back"), NetworkAttachment("bridge"))
    for name in ("tmpfs", "memory", "cpus", "user", "extra_hosts", "stop_signal", "mounts"):
        assert getattr(standby, name) == getattr(made, name)
    assert standby.labels["team"] == "web"


@pytest.mark.parametrize(
    ("test", "settings", "pace"),
    [
        (("CMD", "true"), {}, 10.0),
        (("CMD", "true"), {"health_interval": 5.0, "health_start_period": 3.0}, 5.0),
        ((), {"health_cmd": "true"}, 10.0),
    ],
)
def test_no_check_fails_a_standby_and_their_pace_stays(
    tmp_path: Path, test: tuple[str, ...], settings: dict[str, Any], pace: float
) -> None:
    image = replace(IMAGE, healthcheck=test, health_interval=10.0)
    made = spec(tmp_path, image, **settings)
    health = standby_spec(made, image, "standby", ("python",), {}, "/srv").health
    assert health is not None
    assert (health.start_period, health.start_interval) == (365 * 86400.0, pace)
    assert replace(health, start_period=0.0, start_interval=0.0) == replace(
        made.health or HealthCheck(), start_period=0.0
    )


@pytest.mark.parametrize(
    ("test", "settings"), [((), {}), (("NONE",), {}), (("CMD", "true"), {"no_healthcheck": True})]
)
def test_where_nothing_is_checked_a_standby_is_not_either(
    tmp_path: Path, test: tuple[str, ...], settings: dict[str, Any]
) -> None:
    image = replace(IMAGE, healthcheck=test)
    made = spec(tmp_path, image, **settings)
    assert standby_spec(made, image, "standby", ("python",), {}, "/srv").health == made.health


def test_what_runs_before_has_all_but_ports_aliases_and_health(tmp_path: Path) -> None:
    made = before_start_spec(spec(tmp_path, volumes=("data:/data",), **ALL), ("alembic", "upgrade"))
    assert (made.entrypoint, made.command) == (("alembic",), ("upgrade",))
    assert made.networks == (NetworkAttachment("back"), NetworkAttachment("bridge"))
    assert (made.health, made.ports) == (HealthCheck(("NONE",)), ())
    assert made.labels[LABEL_ROLE] == "before-start"
    assert [mount.target for mount in made.mounts] == ["/data"]
    assert (made.user, made.working_directory, made.memory) == ("app", "/srv", 64 << 20)


def test_a_command_takes_the_place_of_cmd_and_leaves_the_entrypoint(tmp_path: Path) -> None:
    settings = config(tmp_path, command="flask run", user="app", no_healthcheck=True)
    run = as_run(IMAGE, settings)
    assert (run.entrypoint, run.command) == (IMAGE.entrypoint, ("/bin/sh", "-c", "flask run"))
    assert (run.user, run.healthcheck) == ("app", ("NONE",))
    assert spec(tmp_path, command="flask run").command == ("/bin/sh", "-c", "flask run")


def test_a_command_is_what_the_debugger_runs(tmp_path: Path) -> None:
    image = ImageFacts("sha256:1", command=("flask", "run"))
    made = spec(tmp_path, image, command=("uvicorn", "app:app"), debug=True, workers=2)
    assert made.command is not None
    assert made.command[-2:] == ("uvicorn", "app:app")
    assert "WEB_CONCURRENCY" not in made.environment


def test_a_variable_of_the_user_wins_over_workers(tmp_path: Path) -> None:
    made = spec(tmp_path, workers=2, environment={"WEB_CONCURRENCY": "5"})
    assert made.environment == {"WEB_CONCURRENCY": "5"}


@pytest.mark.parametrize(
    "command",
    ["uvicorn a:b --workers 3", "gunicorn -w 4 a:b", "gunicorn -w4 a:b", "flask run", "/bin/hypercorn a:b"],
)
def test_workers_that_would_change_nothing_are_refused(command: str) -> None:
    with pytest.raises(ConfigError, match="workers '2'") as refused:
        workers_environment(2, command.split())
    assert refused.value.hint


def test_a_tmpfs_hides_a_volume_of_the_image(tmp_path: Path) -> None:
    image = ImageFacts("sha256:1", volumes=("/run", "/data"))
    assert [mount.target for mount in mounts(config(tmp_path, tmpfs=("/run",)), image)] == ["/data"]


def test_dockers_own_bridge_is_nothing_to_make(tmp_path: Path) -> None:
    assert own_networks(config(tmp_path, networks=("back", "bridge"))) == ("back",)
