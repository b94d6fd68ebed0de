"""The notations of `docker run`: what is well-formed means what it means there, all else is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devbox.errors import ConfigError
from devbox.model import PortMapping, SecretSource, VolumeMount
from devbox.notation import (
    parse_assignment,
    parse_ports,
    parse_secret,
    parse_volume,
    read_env_file,
    resolve_assignments,
)

ROOT = Path("/project")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8000", [("127.0.0.1", 8000, 8000, "tcp")]),
        ("8080:8000", [("127.0.0.1", 8080, 8000, "tcp")]),
        ("0:8000", [("127.0.0.1", 0, 8000, "tcp")]),
        (":8000", [("127.0.0.1", 0, 8000, "tcp")]),
        ("0.0.0.0:8080:8000", [("0.0.0.0", 8080, 8000, "tcp")]),
        ("0.0.0.0::8000", [("0.0.0.0", 0, 8000, "tcp")]),
        ("127.0.0.1:8080:8000/udp", [("127.0.0.1", 8080, 8000, "udp")]),
        ("[::1]:8080:8000", [("::1", 8080, 8000, "tcp")]),
        ("[::]::8000/sctp", [("::", 0, 8000, "sctp")]),
        ("8000-8001", [("127.0.0.1", 8000, 8000, "tcp"), ("127.0.0.1", 8001, 8001, "tcp")]),
        ("9000-9001:8000-8001", [("127.0.0.1", 9000, 8000, "tcp"), ("127.0.0.1", 9001, 8001, "tcp")]),
        ("0:8000-8001", [("127.0.0.1", 0, 8000, "tcp"), ("127.0.0.1", 0, 8001, "tcp")]),
        ("8000\n", [("127.0.0.1", 8000, 8000, "tcp")]),
        (" 65535 ", [("127.0.0.1", 65535, 65535, "tcp")]),
    ],
)
def test_ports(text: str, expected: list[tuple[str, int, int, str]]) -> None:
    assert parse_ports(text) == tuple(PortMapping(*one) for one in expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web",
        "0",
        "8000:0",
        "65536",
        "70000:8000",
        "8000:",
        "8000/http",
        "8000/TCP",
        "8001-8000",
        "9000-9001:8000",
        "9000:8000-8001",
        "0-1:8000-8001",
        "-5:8000",
        "1.2.3:8080:8000",
        "1.2.3.400:8080:8000",
        "[::g]:8080:8000",
        "::1:8080:8000",
        "localhost:8080:8000",
        "1:2:3:4",
        "９０００",
        "9" * 5000,
    ],
)
def test_ports_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_ports(text)
    assert text in caught.value.what
    assert caught.value.cause
    assert "-p 8000" in caught.value.hint


@given(st.text(max_size=40) | st.text("0123456789-:./[]abcdefudptcp", max_size=30))
def test_any_text_is_ports_or_a_config_error(text: str) -> None:
    try:
        found = parse_ports(text)
    except ConfigError:
        return
    assert found
    assert all(0 < port.container_port < 65536 and 0 <= port.host_port < 65536 for port in found)


PORT = st.integers(1, 65535)
ADDRESS = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)


@given(
    st.none() | ADDRESS, st.none() | st.integers(0, 65535), PORT, st.sampled_from(["", "tcp", "udp", "sctp"])
)
def test_well_formed_ports_come_back(host_ip: str | None, host: int | None, port: int, protocol: str) -> None:
    text = str(port)
    if host is not None:
        text = f"{host}:{text}"
    elif host_ip is not None:
        text = f":{text}"
    if host_ip is not None:
        text = f"[{host_ip}]:{text}" if ":" in host_ip else f"{host_ip}:{text}"
    expected_host = host if host is not None else port if host_ip is None else 0
    assert parse_ports(f"{text}/{protocol}" if protocol else text) == (
        PortMapping(host_ip or "127.0.0.1", expected_host, port, protocol or "tcp"),
    )


@given(PORT, PORT, st.integers(0, 20))
def test_ranges_come_back(host: int, port: int, more: int) -> None:
    more = min(more, 65535 - host, 65535 - port)
    found = parse_ports(f"{host}-{host + more}:{port}-{port + more}")
    assert [one.host_port for one in found] == list(range(host, host + more + 1))
    assert [one.container_port for one in found] == list(range(port, port + more + 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", ("anonymous", "", "/data", False)),
        ("/data/", ("anonymous", "", "/data", False)),
        ("data:/data", ("volume", "data", "/data", False)),
        ("my.data_1-x:/data:ro", ("volume", "my.data_1-x", "/data", True)),
        ("./src:/app", ("bind", "/project/src", "/app", False)),
        ("./src/:/app//:rw", ("bind", "/project/src", "/app", False)),
        (".:/app:ro", ("bind", "/project", "/app", True)),
        ("..:/app", ("bind", "/", "/app", False)),
        ("../other:/app", ("bind", "/other", "/app", False)),
        ("/var/../srv:/srv", ("bind", "/srv", "/srv", False)),
        ("data://srv/./x/../y", ("volume", "data", "/srv/y", False)),
    ],
)
def test_volumes(text: str, expected: tuple[str, str, str, bool]) -> None:
    assert parse_volume(text, ROOT) == VolumeMount(*expected)


def test_a_home_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert parse_volume("~/data:/data", ROOT).source == "/home/me/data"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "data",
        "data:",
        ":/data",
        "data:relative",
        "data:/",
        "data://",
        "data:/x/..",
        "/",
        "data:ro",
        "/data:ro",
        "data:/data:z",
        "data:/data:",
        "a:b:/c:ro",
        "src/app:/app",
        "a:/data",
        "-x:/data",
        "~nobody-by-this-name/x:/data",
    ],
)
def test_volumes_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_volume(text, ROOT)
    assert f"'{text}'" in caught.value.what
    assert caught.value.cause
    assert caught.value.hint


@given(st.text(max_size=40) | st.text("~./:abro-_ \0\n", max_size=20))
@example("~\0:/data")
def test_any_text_is_a_volume_or_a_config_error(text: str) -> None:
    try:
        found = parse_volume(text, ROOT)
    except ConfigError:
        return
    assert found.target.startswith("/")
    assert found.target.strip("/")
    assert found.kind != "bind" or found.source.startswith("/")


NAME = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,20}", fullmatch=True)
PART = st.text(st.characters(codec="utf-8", exclude_characters="/:\0"), min_size=1).filter(
    lambda part: part not in {".", ".."}
)
PATHS = st.lists(PART, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(NAME | PATHS | PATHS.map(lambda path: "." + path), PATHS, st.sampled_from(["", ":ro", ":rw"]))
def test_well_formed_volumes_come_back(source: str, target: str, option: str) -> None:
    found = parse_volume(f"{source}:{target}{option}", ROOT)
    kind = "bind" if source[0] in "./" else "volume"
    place = f"/project{source[1:]}" if source.startswith(".") else source
    assert found == VolumeMount(kind, place, target, read_only=option == ":ro")


def test_assignments() -> None:
    assert parse_assignment("A=b=c", "-e") == ("A", "b=c")
    assert parse_assignment("A=", "-e") == ("A", "")
    assert parse_assignment("A", "-e") == ("A", None)
    assert resolve_assignments(("A=1", "B", "C"), "-e", {"B": "x"}) == {"A": "1", "B": "x"}


def test_an_env_file(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text(
        "\ufeffA=1\n# a comment\n\nexport B='single $A'\nC=\"two\\nlines\"\n"
        "D=with # comment\nHERE\nGONE\nE=\nA=2\n"
    )
    assert read_env_file(path, {"HERE": "env"}) == {
        "A": "2",
        "B": "single $A",
        "C": "two\nlines",
        "D": "with",
        "HERE": "env",
        "E": "",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [("=x\n", 1), ("A=1\nB=2\n=x\nC=3\n", 3), ("A='1\n2'\n\n'no name\n", 4), ('A=1\nB="never closed\n', 2)],
)
def test_a_wrong_line_of_an_env_file_is_named(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "x.env"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_env_file(path, {})
    assert caught.value.what == f"env file x.env, line {line}, cannot be read"
    assert "NAME=value" in caught.value.cause


def test_an_env_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin1.env").write_bytes(b"A=gr\xfc\xdfe\n")
    for name, what in (
        ("latin1.env", "cannot be read"),
        (".", "cannot be read"),
        ("none.env", "is not there"),
    ):
        with pytest.raises(ConfigError, match=what):
            read_env_file(tmp_path / name, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id=a,src=./file", SecretSource("a", file="./file")),
        ("type=file,id=a,source=~/file", SecretSource("a", file="~/file")),
        ("id=a,env=B", SecretSource("a", variable="B")),
        ("id=a,type=env,src=B", SecretSource("a", variable="B")),
        ("id=SET", SecretSource("SET", variable="SET")),
        ("id=file", SecretSource("file", file="file")),
        ("type=env,id=a", SecretSource("a", variable="a")),
        ('id=a,"src=with,comma"', SecretSource("a", file="with,comma")),
    ],
)
def test_secrets_as_for_docker_build(text: str, expected: SecretSource) -> None:
    assert parse_secret(text, {"SET": "x"}) == expected


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "its id is missing"),
        ("src=x", "its id is missing"),
        ("token", "'token' is none of id=, src=, env=, type="),
        ("id=a,value=x", "'value=x' is none of"),
        ("id=a,src=x,env=y", "src or env"),
        ("id=a,src=", "src or env"),
        ("id=a,type=ssh", "type 'ssh' is neither file nor env"),
    ],
)
def test_secrets_that_cannot_be_meant(text: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=f"--secret '{text}' cannot be read: .*{cause}") as raised:
        parse_secret(text, {})
    assert "--secret id=NAME,src=FILE" in raised.value.hint
