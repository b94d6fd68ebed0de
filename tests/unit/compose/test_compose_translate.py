from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.compose.translate import Translation, translate
from devbox.compose.values import Named, Sync, Trigger
from devbox.errors import ConfigError
from devbox.notation_run import parse_duration


def translated(tmp_path: Path, service: dict[str, Any], **project: Any) -> Translation:
    build = {"context": str(tmp_path), "dockerfile": "Dockerfile"} | service.pop("build", {})
    services = {"api": {"build": build, **service}}
    return translate({"services": services, **project}, "api", {"TOKEN": "t"}, "compose.yaml")


def test_the_build(tmp_path: Path) -> None:
    build = {
        "dockerfile": "docker/Dockerfile",
        "args": {"VERSION": "1", "TOKEN": None, "MISSING": None},
        "target": "app",
        "network": "host",
        "secrets": [{"source": "tok"}, {"source": "env", "target": "other"}],
    }
    secrets = {"tok": {"file": "/x/tok"}, "env": {"environment": "TOKEN"}}
    done = translated(tmp_path, {"build": build}, secrets=secrets)
    assert done.settings == {
        "context": str(tmp_path),
        "dockerfile": str(tmp_path / "docker/Dockerfile"),
        "build_args": {"VERSION": "1", "TOKEN": "t"},
        "target": "app",
        "build_network": "host",
        "secrets": {"tok": {"src": "/x/tok"}, "other": {"env": "TOKEN"}},
    }
    assert done.unsupported == []


@pytest.mark.parametrize(
    "build", [{"dockerfile_inline": "FROM x"}, {"context": "https://example.org/repository.git"}]
)
def test_what_devbox_cannot_build_is_refused(tmp_path: Path, build: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"service 'api' of compose\.yaml cannot be built"):
        translated(tmp_path, {"build": build})


@pytest.mark.parametrize(
    ("port", "text"),
    [
        ({"target": 80, "published": "8000", "protocol": "tcp"}, "8000:80/tcp"),
        ({"target": 80, "host_ip": "127.0.0.1", "published": "9"}, "127.0.0.1:9:80/tcp"),
        ({"target": 80, "host_ip": "::1", "published": "9", "protocol": "udp"}, "[::1]:9:80/udp"),
        ({"target": 80}, "0:80/tcp"),
        ({"target": 80, "published": "8000-8010"}, "8000:80/tcp"),
    ],
)
def test_ports(tmp_path: Path, port: dict[str, Any], text: str) -> None:
    assert translated(tmp_path, {"ports": [port]}).settings["ports"] == (text,)


def test_mounts(tmp_path: Path) -> None:
    volumes = [
        {
            "type": "bind",
            "source": "/src",
            "target": "/a",
            "read_only": True,
            "bind": {"create_host_path": True},
        },
        {"type": "volume", "source": "data", "target": "/b", "volume": {"nocopy": True}},
        {"type": "volume", "target": "/c", "volume": {}},
        {"type": "tmpfs", "target": "/d", "tmpfs": {"size": "1048576"}},
        {"type": "npipe", "source": "x", "target": "/e"},
    ]
    done = translated(
        tmp_path, {"volumes": volumes, "tmpfs": ["/f"]}, volumes={"data": {"name": "shop_data"}}
    )
    assert done.settings["volumes"] == ("/src:/a:ro", "shop_data:/b", "/c")
    assert done.volumes == (Named("data", "shop_data"),)
    assert done.settings["tmpfs"] == ("/d:size=1048576", "/f")
    assert done.unsupported == ["services.api.volumes./b.nocopy", "services.api.volumes./e (npipe)"]


def test_networks_are_joined_under_the_name_of_the_service(tmp_path: Path) -> None:
    known = {"default": {"name": "shop_default"}, "back": {"name": "foo", "external": True}}
    done = translated(tmp_path, {"networks": {"default": {"aliases": ["web"]}, "back": None}}, networks=known)
    assert done.settings["networks"] == ("name=shop_default,alias=api,alias=web", "name=foo,alias=api")
    assert done.networks == (Named("default", "shop_default"), Named("back", "foo", external=True))


def test_how_devbox_does_not_make_networks_and_volumes_is_named(tmp_path: Path) -> None:
    project = {
        "services": {
            "api": {
                "build": {"context": str(tmp_path)},
                "networks": {"front": None, "shared": None, "theirs": None},
                "volumes": [
                    {"type": "volume", "source": name, "target": f"/{name}"}
                    for name in ("far", "shared", "own")
                ],
            },
            "db": {
                "image": "pg",
                "networks": {"shared": None},
                "volumes": [{"type": "volume", "source": "shared", "target": "/data"}],
            },
        },
        "networks": {
            "front": {"name": "x_front", "ipam": {}, "internal": True},
            "shared": {"name": "x_shared", "internal": True},
            "theirs": {"name": "theirs", "external": True, "driver": "overlay"},
        },
        "volumes": {
            "far": {"name": "x_far", "driver": "local", "driver_opts": {"type": "nfs"}},
            "shared": {"name": "x_shared", "driver_opts": {"type": "nfs"}},
            "own": {"name": "x_own", "driver": "local"},
        },
    }
    done = translate(project, "api", {}, "compose.yaml", ("db",))
    assert sorted(done.unsupported) == ["networks.front.internal", "volumes.far.driver_opts"]


def test_what_a_container_is_run_with(tmp_path: Path) -> None:
    done = translated(
        tmp_path,
        {
            "command": ["uvicorn", "app:app"],
            "entrypoint": ["/run.sh"],
            "environment": {"A": "b", "PORT": 80, "LOST": None},
            "user": "1000",
            "working_dir": "/code",
            "restart": "always",
            "mem_limit": "67108864",
            "cpus": 0.5,
            "stop_signal": "SIGINT",
            "stop_grace_period": "1m30s",
            "labels": {"a": "b"},
            "extra_hosts": ["db=10.0.0.1", "x=::1"],
            "healthcheck": {"test": ["CMD-SHELL", "curl x"], "interval": "5s", "retries": 3},
            "deploy": {"replicas": 2, "resources": {"limits": {"memory": "1", "pids": 3}}, "placement": {}},
            "depends_on": {"db": {}},
            "cap_add": ["NET_ADMIN"],
            "privileged": None,
        },
    )
    kept = {key: value for key, value in done.settings.items() if key not in {"context", "dockerfile"}}
    assert kept == {
        "entrypoint": ("/run.sh",),
        "command": ("uvicorn", "app:app"),
        "environment": {"A": "b", "PORT": "80"},
        "user": "1000",
        "workdir": "/code",
        "restart": "always",
        "memory": "1",
        "cpus": 0.5,
        "stop_signal": "SIGINT",
        "stop_grace": 90.0,
        "labels": {"a": "b"},
        "extra_hosts": ("db=10.0.0.1", "x=::1"),
        "health_cmd": "curl x",
        "health_interval": 5.0,
        "health_retries": 3,
    }
    assert done.unsupported == [
        "services.api.deploy.replicas",
        "services.api.deploy.resources.limits.pids",
        "services.api.cap_add",
    ]


def test_who_is_needed_is_dealt_with_elsewhere_but_for_a_restart_along_with_it(tmp_path: Path) -> None:
    needed = {"condition": "service_started", "required": True}
    done = translated(tmp_path, {"depends_on": {"db": {**needed, "restart": True}, "cache": needed}})
    assert done.unsupported == ["services.api.depends_on.db.restart"]


@pytest.mark.parametrize("health", [{"disable": True}, {"test": ["NONE"]}])
def test_a_health_check_that_is_taken_away(tmp_path: Path, health: dict[str, Any]) -> None:
    assert translated(tmp_path, {"healthcheck": health}).settings["no_healthcheck"] is True


def test_what_is_watched(tmp_path: Path) -> None:
    watch = [
        {
            "action": "sync",
            "path": "/p/app",
            "target": "/code/app",
            "ignore": ["x"],
            "exec": {"command": None},
            "initial_sync": True,
        },
        {"action": "sync+restart", "path": "/p/lib", "target": "/code/lib", "include": ["*.py"]},
        {"action": "rebuild", "path": "/p/requirements.txt"},
        {"action": "restart", "path": "/p/settings.toml"},
        {"action": "sync+exec", "path": "/p/etc", "target": "/etc"},
        {"action": "teleport", "path": "/p/far", "ignore": ["x"]},
    ]
    done = translated(tmp_path, {"develop": {"watch": watch}})
    assert done.syncs == (Sync("/p/app", "/code/app"), Sync("/p/lib", "/code/lib"), Sync("/p/etc", "/etc"))
    assert done.triggers == (
        Trigger("/p/app", ("x",)),
        Trigger("/p/lib", (), ("*.py",)),
        Trigger("/p/requirements.txt"),
        Trigger("/p/settings.toml"),
        Trigger("/p/etc"),
    )
    assert done.unsupported == [
        "services.api.develop.watch.exec (a command for each revision goes into before_start)",
        "services.api.develop.watch.teleport",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("5s", 5.0), ("1m0s", 60.0), ("1h2m3.5s", 3723.5), ("500ms", 0.5), ("1m500ms", 60.5), ("0s", 0.0)],
)
def test_durations(text: str, value: float) -> None:
    assert parse_duration(text, "stop_grace") == pytest.approx(value)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_of_all_units(hours: int, minutes: int, whole: int, milliseconds: int) -> None:
    text = f"{hours}h{minutes}m{whole}s{milliseconds}ms"
    assert parse_duration(text, "stop_grace") == pytest.approx(
        hours * 3600 + minutes * 60 + whole + milliseconds / 1000
    )
