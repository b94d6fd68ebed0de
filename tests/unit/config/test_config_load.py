"""Where settings come from, which of them wins, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devbox.config import Config, load, load_leniently, parse_flags
from devbox.errors import ConfigError
from devbox.model import PortMapping, SecretSource, VolumeMount
from devbox.settings import Settings


def write(root: Path, text: str, name: str = "devbox.toml") -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    return root


def config(root: Path, text: str = "", environ: dict[str, str] | None = None, **flags: Any) -> Config:
    if text:
        write(root, text)
    return load(root, flags, environ or {})


def refused(root: Path, text: str = "", **flags: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config(root, text, **flags)
    return caught.value


def test_without_a_file_everything_is_a_default(tmp_path: Path) -> None:
    root = tmp_path / "My Shop"
    root.mkdir()
    found = config(root)
    assert (found.project, found.root, found.context) == ("my-shop", root, root)
    assert found.dockerfile == root / "Dockerfile"
    assert (found.swap, found.start_timeout, found.stop_grace, found.keep_images) == ("rolling", 30.0, 3.0, 5)
    assert (found.ports, found.volumes, found.environment) == ((), (), {})
    assert set(found.sources) == set(Settings.model_fields)
    assert set(found.sources.values()) == {"default"}


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    text = 'target = "web"\nstart_timeout = 5\nports = ["9000:8000"]\n'
    found = config(tmp_path, text, target="tests", ports=("7000:8000", "7001"))
    assert (found.target, found.start_timeout, found.stop_grace) == ("tests", 5.0, 3.0)
    assert [port.host_port for port in found.ports] == [7000, 7001]
    assert found.sources["target"] == found.sources["ports"] == "flag"
    assert found.sources["start_timeout"] == "devbox.toml"
    assert found.sources["stop_grace"] == "default"


@pytest.mark.parametrize("nothing", [None, (), {}, ""])
def test_a_flag_that_was_not_given_leaves_the_file_alone(tmp_path: Path, nothing: object) -> None:
    found = config(tmp_path, 'target = "web"\n', target=nothing)
    assert (found.target, found.sources["target"]) == ("web", "devbox.toml")


def test_a_zero_is_a_given_flag(tmp_path: Path) -> None:
    assert config(tmp_path, "stop_grace = 9\n", stop_grace=0.0).stop_grace == 0.0


def test_mappings_are_merged_and_the_later_one_wins(tmp_path: Path) -> None:
    write(tmp_path, "A=file\nB=file\nC=file\n", "web.env")
    text = 'env_file = "web.env"\nenvironment = {B = "toml", C = "toml"}\nbuild_args = {X = "x", Y = "y"}\n'
    found = config(tmp_path, text, environment={"C": "flag"}, build_args={"Y": "flag"})
    assert found.environment == {"A": "file", "B": "toml", "C": "flag"}
    assert found.build_args == {"X": "x", "Y": "flag"}


def test_later_env_files_win(tmp_path: Path) -> None:
    write(tmp_path, "A=1\nB=1\n", "one.env")
    write(tmp_path, "B=2\n", "sub/two.env")
    found = config(tmp_path, 'env_file = ["one.env", "sub/two.env"]\n')
    assert found.environment == {"A": "1", "B": "2"}
    assert found.env_files == (tmp_path / "one.env", tmp_path / "sub/two.env")
    assert set(found.env_files) < set(found.watched_files)


def test_the_table_of_pyproject_counts_as_a_file(tmp_path: Path) -> None:
    write(tmp_path, '[project]\nname = "x"\n[tool.devbox]\ntarget = "web"\n', "pyproject.toml")
    found = config(tmp_path)
    assert (found.target, found.sources["target"]) == ("web", "pyproject.toml")


@pytest.mark.parametrize(
    "text", ["", '[project]\nname = "x"\n', "[tool.ruff]\nline-length = 110\n", "tool = 1\n", "[tool]\n"]
)
def test_a_pyproject_without_the_table_says_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, text, "pyproject.toml")
    assert config(tmp_path, 'target = "web"\n').target == "web"


def test_settings_in_both_files_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "[tool.devbox]\n", "pyproject.toml")
    error = refused(tmp_path, 'target = "web"\n')
    assert "devbox.toml" in error.what
    assert "pyproject.toml" in error.what
    assert error.hint


def test_a_table_that_is_none_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "[tool]\ndevbox = 3\n", "pyproject.toml")
    assert "no table" in refused(tmp_path).what


@pytest.mark.parametrize(
    ("key", "near"), [("port", "ports"), ("enviroment", "environment"), ("envfile", "env_file")]
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path, key: str, near: str) -> None:
    error = refused(tmp_path, f'{key} = "x"\n')
    assert error.what == f"devbox.toml: unknown setting '{key}'"
    assert error.hint == f"did you mean '{near}'?"


def test_a_key_far_from_all_gives_the_whole_list(tmp_path: Path) -> None:
    assert "known are: project, context" in refused(tmp_path, "zzzzzz = 1\n").hint


@pytest.mark.parametrize(
    ("text", "where", "cause"),
    [
        ('keep_images = "5"\n', "keep_images", "a whole number"),
        ("keep_images = 2.0\n", "keep_images", "a whole number"),
        ("keep_images = 0\n", "keep_images", "at least 1"),
        ("keep_images = true\n", "keep_images", "a whole number"),
        ('start_timeout = "5"\n', "start_timeout", "number"),
        ("start_timeout = 0\n", "start_timeout", "more than 0"),
        ("start_timeout = inf\n", "start_timeout", "finite"),
        ("stop_grace = nan\n", "stop_grace", "finite"),
        ("stop_grace = -1\n", "stop_grace", "at least 0"),
        ('swap = "warm"\n', "swap", '"rolling" or "recreate"'),
        ('ports = "8000:8000"\n', "ports", "list"),
        ("ports = [1.5]\n", "ports.0", "a text in quotes"),
        ('volumes = ["a:/b", 3]\n', "volumes.1", "a text in quotes"),
        ('environment = ["A=b"]\n', "environment", "table"),
        ("environment = {A = [1]}\n", "environment.A", "a text in quotes"),
        ("project = 3\n", "project", "a text in quotes"),
        ("env_file = 3\n", "env_file", "list"),
    ],
)
def test_a_wrong_type_is_named_with_file_and_key(tmp_path: Path, text: str, where: str, cause: str) -> None:
    error = refused(tmp_path, text)
    assert error.what == f"devbox.toml: setting '{where}' is wrong"
    assert "Input should" not in error.cause
    assert cause in error.cause


def test_a_wrong_flag_is_the_command_lines(tmp_path: Path) -> None:
    assert refused(tmp_path, start_timeout=-1.0).what == "the command line: setting 'start_timeout' is wrong"


def test_plain_values_of_toml_are_taken_as_they_are_meant(tmp_path: Path) -> None:
    text = "ports = [8000]\nstart_timeout = 5\nenvironment = {A = 1, B = true, C = false, D = 1.5, E = 'x'}\n"
    found = config(tmp_path, text)
    assert found.ports == (PortMapping("127.0.0.1", 8000, 8000, "tcp"),)
    assert found.start_timeout == 5.0
    assert found.environment == {"A": "1", "B": "true", "C": "false", "D": "1.5", "E": "x"}


@pytest.mark.parametrize("name", ["devbox.toml", "pyproject.toml"])
@pytest.mark.parametrize("content", [b"ports = [", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    error = refused(tmp_path)
    assert error.what == f"{name} cannot be read"
    assert error.cause


def test_a_settings_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "devbox.toml").mkdir()
    assert refused(tmp_path).what == "devbox.toml cannot be read"


def test_a_missing_env_file_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path, 'env_file = "no.env"\n')
    assert str(tmp_path / "no.env") in error.what
    assert error.hint


def test_an_env_file_in_the_home_of_nobody(tmp_path: Path) -> None:
    assert "env file ~nobody-here/x is not there" in refused(tmp_path, 'env_file = "~nobody-here/x"\n').what


def test_the_path_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not there") as missing:
        load(tmp_path / "none", {}, {})
    assert "devbox up PATH" in missing.value.hint
    with pytest.raises(ConfigError, match="is a file") as file:
        load(tmp_path / "file", {}, {})
    assert str(tmp_path) in file.value.hint


def test_the_root_is_the_real_folder_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert load(tmp_path / "link", {}, {}).root == tmp_path / "real"


def test_context_and_dockerfile_are_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "src").mkdir()
    found = config(tmp_path / "web", 'context = "../src"\ndockerfile = "../docker/Dockerfile.dev"\n')
    assert found.context == tmp_path / "src"
    assert found.dockerfile == tmp_path / "docker" / "Dockerfile.dev"


def test_a_context_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    error = refused(tmp_path, 'context = "src"\n')
    assert "src" in error.what
    assert "devbox.toml" in error.cause
    assert "flag" in refused(tmp_path, context="gone").cause


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        ("shop", "shop"),
        ("My Shop (copy)", "my-shop-copy"),
        ("a__b..c", "a-b-c"),
        ("日本", "app"),
        ("-", "app"),
        ("x" * 60, "x" * 40),
        ("y" * 39 + "-zzz", "y" * 39),
    ],
)
def test_the_project_is_named_after_its_folder(tmp_path: Path, folder: str, project: str) -> None:
    (tmp_path / folder).mkdir()
    assert config(tmp_path / folder).project == project


@pytest.mark.parametrize("name", ["Shop", "my shop", "-shop", "a" * 41, "日本"])
def test_a_name_given_must_be_one(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, f'project = "{name}"\n')
    assert name in error.what
    assert error.hint.startswith("for instance: ")
    proposed = error.hint.removeprefix("for instance: ")
    assert config(tmp_path, f'project = "{proposed}"\n').project == proposed


def test_udp_cannot_be_swapped_without_a_gap(tmp_path: Path) -> None:
    error = refused(tmp_path, 'ports = ["8000", "5353:5353/udp"]\n')
    assert "5353/udp" in error.what
    assert "recreate" in error.hint
    found = config(tmp_path, 'ports = ["8000", "5353:5353/udp"]\nswap = "recreate"\n')
    assert [port.protocol for port in found.ports] == ["tcp", "udp"]


@pytest.mark.parametrize(
    ("ports", "twice"),
    [
        (("8000", "8000:80"), True),
        (("127.0.0.1:8000:80", "8000:81"), True),
        (("8000-8002", "8001:80"), True),
        (("8000", "8001:8000"), False),
        (("0:8000", "0:8001"), False),
        (("127.0.0.2:8000:80", "8000:81"), False),
    ],
)
def test_a_host_port_is_published_once(tmp_path: Path, ports: tuple[str, ...], twice: bool) -> None:
    if twice:
        assert "published twice" in refused(tmp_path, ports=ports).what
    else:
        assert config(tmp_path, ports=ports).ports


def test_udp_and_tcp_are_two_ports(tmp_path: Path) -> None:
    assert len(config(tmp_path, ports=("53:53", "53:53/udp"), swap="recreate").ports) == 2


def test_a_bind_mount_needs_its_source(tmp_path: Path) -> None:
    error = refused(tmp_path, 'volumes = ["./data:/data"]\n')
    assert str(tmp_path / "data") in error.what
    assert "-v NAME:/data" in error.hint
    (tmp_path / "data").mkdir()
    assert config(tmp_path).volumes == (VolumeMount("bind", str(tmp_path / "data"), "/data"),)


@pytest.mark.parametrize("other", ["two:/data", "two:/data/", "/data", "two:/x/../data"])
def test_a_place_takes_one_volume(tmp_path: Path, other: str) -> None:
    assert "/data" in refused(tmp_path, f'volumes = ["one:/data", "{other}"]\n').what


def test_a_health_path_is_absolute(tmp_path: Path) -> None:
    assert "health" in refused(tmp_path, 'health_path = "health"\n').what


def test_the_build_network_may_come_from_the_environment(tmp_path: Path) -> None:
    environ = {"DEVBOX_BUILD_NETWORK": "host"}
    found = config(tmp_path, environ=environ)
    assert (found.build_network, found.sources["build_network"]) == ("host", "DEVBOX_BUILD_NETWORK")
    assert config(tmp_path, 'build_network = "none"\n', environ).build_network == "none"


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        config(tmp_path).target = "x"


def test_flags_become_settings() -> None:
    found = parse_flags(
        environment=("A=1", "B", "C", "A=2"),
        build_args=("V=x=y",),
        secrets=("id=token,src=token.txt", "id=key,env=KEY"),
        labels=("team=web", "bare"),
        environ={"B": "b"},
        target="web",
    )
    assert found == {
        "environment": {"A": "2", "B": "b"},
        "build_args": {"V": "x=y"},
        "secrets": {"token": {"src": "token.txt"}, "key": {"env": "KEY"}},
        "labels": {"team": "web", "bare": ""},
        "target": "web",
    }
    with pytest.raises(ConfigError, match="-e '=x' cannot be read"):
        parse_flags(environment=("=x",), build_args=(), secrets=(), environ={})
    with pytest.raises(ConfigError, match="--build-arg ' ' cannot be read"):
        parse_flags(environment=(), build_args=(" ",), secrets=(), environ={})


BASE = """
project = "shop"
target = "web"
build_args = {V = "1"}
build_network = "none"
ports = ["8000"]
volumes = ["data:/data"]
environment = {A = "1"}
health_path = "/health"
swap = "rolling"
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"shop"', '"shop2"'),
        ('"web"', '"tests"'),
        ('V = "1"', 'V = "2"'),
        ('V = "1"', 'W = "1"'),
        ('"none"', '"host"'),
        ('"8000"', '"8001:8000"'),
        ('"8000"', '"8000", "9000"'),
        ("data:/data", "data:/data:ro"),
        ("data:/data", "data2:/data"),
        ('A = "1"', 'A = "2"'),
        ("/health", "/ready"),
        ('"rolling"', '"recreate"'),
    ],
)
def test_the_hash_changes_with_every_ingredient(tmp_path: Path, old: str, new: str) -> None:
    before = config(tmp_path, BASE).config_hash
    assert old in BASE
    assert config(tmp_path, BASE.replace(old, new)).config_hash != before


def test_the_hash_changes_with_nothing_else(tmp_path: Path) -> None:
    before = config(tmp_path, BASE).config_hash
    assert len(before) == 16
    assert int(before, 16)
    more = BASE + "keep_images = 9\nstop_grace = 1\nstart_timeout = 90\n"
    assert config(tmp_path, more).config_hash == before
    assert config(tmp_path, "# a comment\n" + BASE).config_hash == before
    reordered = "\n".join(reversed(BASE.strip().splitlines()))
    assert config(tmp_path, reordered).config_hash == before
    # The same variables, now out of a file or from the command line.
    without = BASE.replace('A = "1"', "")
    write(tmp_path, "A=1\n", "some.env")
    assert config(tmp_path, without + 'env_file = "some.env"\n').config_hash == before
    assert config(tmp_path, without, environment={"A": "1"}).config_hash == before
    # The project as a whole somewhere else, and the same context by another path.
    moved = tmp_path / "moved"
    moved.mkdir()
    assert config(moved, BASE).config_hash == before
    assert config(tmp_path, BASE + 'context = "moved"\ndockerfile = "Dockerfile.dev"\n').config_hash == before


def test_the_hash_follows_the_content_of_an_env_file(tmp_path: Path) -> None:
    write(tmp_path, "A=1\n", "some.env")
    before = config(tmp_path, 'env_file = "some.env"\n').config_hash
    write(tmp_path, "A=1\n# a comment\n", "some.env")
    assert config(tmp_path).config_hash == before
    write(tmp_path, "A=2\n", "some.env")
    assert config(tmp_path).config_hash != before


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ("", "folder"),
        ('project = "shop"\n', "shop"),
        ('project = "shop"\nnonsense = 1\n', "shop"),
        ('project = "shop"\nvolumes = ["./gone:/data"]\n', "shop"),
        ('project = "No Name"\n', "folder"),
        ("project = [1]\n", "folder"),
        ("project = [\n", "folder"),
    ],
)
def test_what_runs_is_found_whatever_was_written_since(tmp_path: Path, text: str, project: str) -> None:
    root = tmp_path / "folder"
    root.mkdir()
    write(root, text)
    assert load_leniently(root, {}).project == project


def test_a_folder_is_needed_even_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        load_leniently(tmp_path / "none", {})


def test_secrets_are_known_by_where_they_come_from(tmp_path: Path) -> None:
    text = '[secrets]\ntoken = { src = "token.txt" }\nkey = { env = "KEY" }\n'
    found = config(tmp_path, text, {"KEY": "hunter2"})
    assert found.secrets == (SecretSource("key", variable="KEY"), SecretSource("token", file="token.txt"))
    assert "hunter2" not in found.model_dump_json()
    assert found.config_hash == config(tmp_path, text, {"KEY": "another"}).config_hash
    merged = load(tmp_path, {"secrets": {"key": {"src": "key.txt"}}}, {})
    assert merged.secrets == (SecretSource("key", file="key.txt"), SecretSource("token", file="token.txt"))
    assert len({found.config_hash, merged.config_hash, config(tmp_path, "[secrets]\n").config_hash}) == 3


@pytest.mark.parametrize("fields", ['{ src = "a", env = "B" }', "{}", '{ file = "a" }', '"token.txt"'])
def test_a_secret_has_one_source(tmp_path: Path, fields: str) -> None:
    with pytest.raises(ConfigError, match=r"token"):
        config(tmp_path, f"[secrets]\ntoken = {fields}\n")
