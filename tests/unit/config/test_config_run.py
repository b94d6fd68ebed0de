"""The settings of the container: their notations, what is said of wrong ones, and what they are a part of."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devbox.config import Config, load
from devbox.errors import ConfigError
from devbox.model import BeforeStart, HealthCheck, NetworkAttachment, RestartPolicy
from devbox.notation_command import health_check, parse_before_start, parse_command
from devbox.notation_run import (
    parse_duration,
    parse_host,
    parse_memory,
    parse_networks,
    parse_restart,
    parse_signal,
    parse_size,
    parse_tmpfs,
    parse_user,
    parse_workdir,
)
from devbox.runconfig import DURATIONS

SHELL = ("/bin/sh", "-c")


def config(root: Path, text: str = "", **flags: Any) -> Config:
    (root / "devbox.toml").write_text(text)
    return load(root, flags, {})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("512", 512), ("512b", 512), ("64k", 65536), ("512m", 536870912), ("1.5g", 1610612736)),
        *(("64MB", 67108864), ("64 MiB", 67108864), ("2T", 2 << 40), ("1kib", 1024)),
    ],
)
def test_sizes_as_docker_reads_them(text: str, size: int) -> None:
    assert parse_size(text, "memory") == size


@given(st.integers(0, 2**20), st.sampled_from(["", "b", "k", "m", "g"]))
def test_each_unit_of_a_size_is_1024_of_the_one_before(number: int, unit: str) -> None:
    power = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3}[unit]
    assert parse_size(f"{number}{unit}", "memory") == parse_size(f"{number}{unit.upper()}", "memory")
    assert parse_size(f"{number}{unit}", "memory") == number * 1024**power


@pytest.mark.parametrize("text", ["", "m", "-1m", "1,5g", "5 mm", "512q", "0x10", "1e3"])
def test_what_is_no_size_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ConfigError, match="memory") as refused:
        parse_size(text, "memory")
    assert '"512m"' in refused.value.hint


def test_a_limit_of_memory_that_the_engine_would_refuse_is_refused() -> None:
    assert parse_memory("") == 0
    assert parse_memory("6m") == 6 << 20
    with pytest.raises(ConfigError, match="no limit below 6m"):
        parse_memory("5m")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5.0), ("1m30s", 90.0), ("1h", 3600.0), ("500ms", 0.5), ("1.5s", 1.5), ("0", 0.0), (".5s", 0.5)],
)
def test_durations_as_docker_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text, "health_interval") == pytest.approx(seconds)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
@example(0, 0, 0, 0)
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, rest: int) -> None:
    read = parse_duration(f"{hours}h{minutes}m{seconds}s{rest}ms", "health_interval")
    assert read == pytest.approx(hours * 3600 + minutes * 60 + seconds + rest / 1000)


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "5s ago", "1m 30s", "-5s"])
def test_what_is_no_duration_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ConfigError, match="health_interval") as refused:
        parse_duration(text, "health_interval")
    assert '"1m30s"' in refused.value.hint


def test_networks_have_the_aliases_of_their_own_and_of_all() -> None:
    assert parse_networks(("back", "name=db,alias=a,alias=b", "default"), ("web", "a")) == (
        NetworkAttachment("back", ("web", "a")),
        NetworkAttachment("db", ("a", "b", "web")),
        NetworkAttachment("bridge"),
    )
    assert parse_networks((), ()) == ()


@pytest.mark.parametrize(
    ("networks", "aliases", "said"),
    [
        (("host",), (), "cannot start beside"),
        (("none",), (), "cannot start beside"),
        (("container:db",), (), "cannot start beside"),
        (("name=db,ip=10.0.0.2",), (), "'ip' is neither name nor alias"),
        (("alias=web",), (), "needs one name"),
        (("a b",), (), "no name of a network"),
        (("name=db,alias=-x",), (), "no host name"),
        (("name=bridge,alias=web",), (), "no aliases"),
        (("back", "back"), (), "twice"),
        (("bridge",), ("web",), "none is given"),
        ((), ("web",), "none is given"),
    ],
)
def test_networks_that_cannot_be_meant(
    networks: tuple[str, ...], aliases: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match="network") as refused:
        parse_networks(networks, aliases)
    assert said in str(refused.value)


def test_what_else_docker_run_has() -> None:
    assert parse_tmpfs("/run/:size=64m,mode=1777,noexec") == ("/run", "size=64m,mode=1777,noexec")
    assert parse_restart("on-failure:5") == RestartPolicy("on-failure", 5)
    assert parse_restart("") == RestartPolicy("no")
    assert parse_host("db:10.0.0.2") == parse_host("db=10.0.0.2") == "db:10.0.0.2"
    assert parse_host("db:[::1]") == parse_host("db:::1") == "db:::1"
    assert parse_host("up:host-gateway") == "up:host-gateway"
    assert [parse_signal(text) for text in ("int", "SIGQUIT", "9", "RTMIN+3", "")] == [
        *("SIGINT", "SIGQUIT", "9", "SIGRTMIN+3", "")
    ]


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((parse_tmpfs, text) for text in ("run", "/", "/run:size=lots", "/run:shiny")),
        *((parse_restart, text) for text in ("sometimes", "always:3", "on-failure:", "on-failure:x")),
        *((parse_host, text) for text in ("db", "db:nowhere", ":1.2.3.4", "a b:1.2.3.4")),
        *((parse_signal, text) for text in ("SIGNONE", "0", "65", "-9")),
        *((parse_user, text) for text in ("a b", "a:b:c", ":a")),
        (parse_workdir, "code"),
    ],
)
def test_what_docker_run_would_not_take_either(parse: Any, text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        parse(text)
    assert refused.value.hint


READERS = (
    *(parse_tmpfs, parse_restart, parse_host, parse_signal, parse_user, parse_workdir, parse_memory),
    lambda text: parse_networks((text,), ()),
    lambda text: parse_duration(text, "x"),
    lambda text: parse_before_start({"run": text, "when": [text]}, 1),
)


@given(st.text(max_size=20) | st.text(alphabet=string.printable, max_size=20), st.sampled_from(READERS))
def test_no_text_leads_to_anything_but_a_value_or_a_refusal(text: str, read: Callable[[str], object]) -> None:
    with contextlib.suppress(ConfigError):
        read(text)


def test_a_command_is_a_text_for_the_shell_or_a_list_of_words() -> None:
    assert parse_command("a && b", "command") == (*SHELL, "a && b")
    assert parse_command(["a", "b c"], "command") == ("a", "b c")
    assert parse_command("", "command") == parse_command([], "command") == ()
    for wrong in (3, ["a", 3], [""], {"a": "b"}):
        with pytest.raises(ConfigError, match="command"):
            parse_command(wrong, "command")


def test_an_entry_of_before_start_may_say_when() -> None:
    assert parse_before_start("alembic upgrade head", 1) == BeforeStart((*SHELL, "alembic upgrade head"))
    entry = {"run": ["alembic", "upgrade", "head"], "when": ["alembic/**", "./requirements.txt"]}
    found = parse_before_start(entry, 1)
    assert found == BeforeStart(("alembic", "upgrade", "head"), ("alembic/**", "requirements.txt"))
    assert found.text == "alembic upgrade head"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("", "no command"),
        ({"when": ["a"]}, "no command"),
        ({"run": "a", "if": "b"}, "'if' is neither run nor when"),
        ({"run": "a", "when": 3}, "no list"),
        ({"run": "a", "when": [3]}, "a text"),
        ({"run": "a", "when": ["../a"]}, "relative"),
        ({"run": "a", "when": ["[ab]"]}, "relative"),
        (3, "neither a text nor a list"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_named(entry: object, said: str) -> None:
    with pytest.raises(ConfigError, match="before_start") as refused:
        parse_before_start(entry, 2)
    assert said in str(refused.value)
    assert refused.value.hint


def test_a_health_check_is_laid_over_the_images_own() -> None:
    assert health_check("", 0, 0, 0, 0, none=False) is None
    assert health_check("curl x", 5, 0, 0, 0, none=False) == HealthCheck(("CMD-SHELL", "curl x"), 5)
    assert health_check(["curl", "x"], 0, 0, 0, 2, none=False) == HealthCheck(("CMD", "curl", "x"), retries=2)
    assert health_check("", 0, 0, 0, 0, none=True) == HealthCheck(("NONE",))
    with pytest.raises(ConfigError, match="contradicts"):
        health_check("curl x", 0, 0, 0, 0, none=True)


SETTINGS = {
    "networks": 'networks = ["back"]',
    "network_aliases": 'networks = ["back"]\nnetwork_aliases = ["web"]',
    "tmpfs": 'tmpfs = ["/run"]',
    "memory": 'memory = "64m"',
    "cpus": "cpus = 0.5",
    "restart": 'restart = "always"',
    "user": "user = 1000",
    "workdir": 'workdir = "/code"',
    "entrypoint": 'entrypoint = ["/run.sh"]',
    "command": 'command = "serve"',
    "workers": "workers = 2",
    "health_cmd": 'health_cmd = "true"',
    "health_interval": 'health_interval = "5s"',
    "no_healthcheck": "no_healthcheck = true",
    "extra_hosts": 'extra_hosts = ["db:10.0.0.2"]',
    "stop_signal": 'stop_signal = "INT"',
    "labels": "labels = {a = 1}",
    "before_start": 'before_start = [["a", "b"], { run = "c", when = "d" }]',
}


def test_each_setting_of_the_container_is_one_of_its_ingredients(tmp_path: Path) -> None:
    hashes = {name: config(tmp_path, text).config_hash for name, text in SETTINGS.items()}
    hashes[""] = config(tmp_path).config_hash
    assert len(set(hashes.values())) == len(hashes)
    assert config(tmp_path, "before_start_timeout = 5").config_hash == hashes[""]


def test_a_duration_may_be_written_as_a_number_or_a_text(tmp_path: Path) -> None:
    found = config(tmp_path, 'start_timeout = "1m"\nstop_grace = 2\nbefore_start_timeout = "10m"')
    assert (found.start_timeout, found.stop_grace, found.before_start_timeout) == (60.0, 2.0, 600.0)


def test_flags_replace_lists_and_add_labels(tmp_path: Path) -> None:
    text = 'networks = ["a"]\ncommand = "x"\n[labels]\na = "1"\nb = "1"'
    found = config(tmp_path, text, networks=("b",), labels={"b": "2"}, command=("y", "z"))
    assert found.networks == (NetworkAttachment("b"),)
    assert found.labels == {"a": "1", "b": "2"}
    assert found.command == ("y", "z")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[labels]\n"dev.devbox.role" = "app"', "devbox's own"),
        ('tmpfs = ["/data"]\nvolumes = ["data:/data"]', "two volumes are mounted at /data"),
        ('tmpfs = ["/run", "/run/:size=1m"]', "/run"),
        ("cpus = 0.001", "cpus"),
        ("workers = -1", "workers"),
        ("before_start_timeout = 0", "before_start_timeout"),
        ('health_interval = "5"', "health_interval"),
    ],
)
def test_settings_that_cannot_be_used_name_themselves(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, text)
    assert said in str(refused.value)


@pytest.mark.parametrize("setting", ["environment", "build_args"])
def test_a_name_that_no_variable_can_have_is_refused(tmp_path: Path, setting: str) -> None:
    """As A=B it would set A."""
    (tmp_path / "devbox.toml").write_text(f'[{setting}]\n"A=B" = "c"\n')
    with pytest.raises(ConfigError, match=f"{setting} 'A=B'"):
        load(tmp_path, {}, {})


@pytest.mark.parametrize("name", sorted(DURATIONS))
def test_a_time_that_nobody_can_wait_for_is_refused(tmp_path: Path, name: str) -> None:
    """What asks a container to stop could not be sent, and left it running."""
    (tmp_path / "devbox.toml").write_text(f"{name} = 1e30\n")
    with pytest.raises(ConfigError, match=f"setting '{name}' is wrong"):
        load(tmp_path, {}, {})
    (tmp_path / "devbox.toml").write_text(f'{name} = "24h"\n')
    load(tmp_path, {}, {})


def test_memory_that_the_engine_cannot_count_is_refused() -> None:
    with pytest.raises(ConfigError, match="memory"):
        parse_memory("999999999999t")
