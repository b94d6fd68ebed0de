from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from devbox.engine.address import addresses
from devbox.errors import EngineUnreachable

HOME = Path("/home/somebody")


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker configuration of the test's own, empty."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def add_context(config: Path, name: str, host: str, *, certificates: bool = False) -> None:
    """A docker context as the CLI writes it."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts/meta" / key
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    if certificates:
        make_certificates(config / "contexts/tls" / key / "docker")


def make_certificates(folder: Path) -> Path:
    """Files of the right names: nothing reads them here."""
    folder.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("given", "url", "scheme", "host"),
    [
        ("unix:///run/other.sock", "unix:///run/other.sock", "unix", ""),
        ("tcp://10.0.0.5:2375", "tcp://10.0.0.5:2375", "tcp", "10.0.0.5"),
        ("build.lan:2375", "tcp://build.lan:2375", "tcp", "build.lan"),
        ("tcp://[fd00::5]:2375", "tcp://[fd00::5]:2375", "tcp", "fd00::5"),
        ("https://build.lan:2376", "https://build.lan:2376", "tcp", "build.lan"),
        ("ssh://me@big:2222", "ssh://me@big:2222", "ssh", "big"),
    ],
)
def test_every_kind_of_address(given: str, url: str, scheme: str, host: str) -> None:
    for environment in ({"DOCKER_HOST": given}, {}):
        (found,) = addresses(given if not environment else None, environment, HOME)
        assert (found.url, found.scheme, found.host) == (url, scheme, host)


def test_docker_host_comes_before_a_context(docker_config: Path) -> None:
    add_context(docker_config, "big", "tcp://big:2375")
    environment = {"DOCKER_HOST": "unix:///a.sock", "DOCKER_CONTEXT": "big"}
    assert addresses(None, environment, HOME)[0].path == "/a.sock"


def test_the_current_context_and_the_one_of_the_environment(docker_config: Path) -> None:
    add_context(docker_config, "big", "ssh://me@big")
    add_context(docker_config, "desktop-linux", "unix:///home/me/.docker/desktop/docker.sock")
    (docker_config / "config.json").write_text('{"currentContext": "desktop-linux"}')
    (current,) = addresses(None, {}, HOME)
    assert current.path == "/home/me/.docker/desktop/docker.sock"
    assert current.origin == "docker context desktop-linux"
    (chosen,) = addresses(None, {"DOCKER_CONTEXT": "big"}, HOME)
    assert chosen.url == "ssh://me@big"


def test_the_usual_sockets_in_turn(docker_config: Path) -> None:
    (docker_config / "config.json").write_text('{"currentContext": "default"}')
    found = [address.path for address in addresses(None, {"XDG_RUNTIME_DIR": "/run/user/7"}, HOME)]
    assert found == [
        "/var/run/docker.sock",
        "/run/user/7/docker.sock",
        "/home/somebody/.docker/run/docker.sock",
        "/home/somebody/.colima/default/docker.sock",
        "/home/somebody/.orbstack/run/docker.sock",
    ]
    assert addresses(None, {"DOCKER_CONTEXT": "default"}, HOME)[0].path == found[0]


def test_tls_of_the_environment_and_of_a_context(docker_config: Path) -> None:
    certificates = make_certificates(docker_config / "certificates")
    environment = {
        "DOCKER_HOST": "tcp://big:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(certificates),
    }
    (found,) = addresses(None, environment, HOME)
    assert found.url == "tcp://big:2376"
    assert found.tls is not None
    assert found.tls.ca_cert == str(certificates / "ca.pem")
    assert found.tls.verify
    add_context(docker_config, "big", "tcp://big:2376", certificates=True)
    (found,) = addresses(None, {"DOCKER_CONTEXT": "big"}, HOME)
    assert found.tls is not None
    assert found.tls.verify
    assert found.tls.cert is not None


@pytest.mark.parametrize(
    "environment",
    [
        {"DOCKER_HOST": "fd://"},
        {"DOCKER_HOST": "gopher://here"},
        {"DOCKER_HOST": "tcp://here"},
        {"DOCKER_HOST": "tcp://here:port"},
        {"DOCKER_HOST": "tcp://here:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nowhere"},
        {"DOCKER_CONTEXT": "nobody"},
        {"DOCKER_CONTEXT": "broken"},
        {"DOCKER_CONTEXT": "odd"},
    ],
    ids=str,
)
def test_a_setting_that_names_no_engine(environment: dict[str, str], docker_config: Path) -> None:
    meta = docker_config / "contexts/meta" / hashlib.sha256(b"broken").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text("{")
    add_context(docker_config, "odd", "gopher://here")
    with pytest.raises(EngineUnreachable) as raised:
        addresses(None, environment, HOME)
    assert raised.value.cause
    assert raised.value.hint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://big", "-- big docker system dial-stdio"),
        ("ssh://me@big:2222", "-l me -p 2222 -- big docker system dial-stdio"),
    ],
)
def test_what_ssh_is_asked_to_run(url: str, expected: str) -> None:
    (found,) = addresses(url, {}, HOME)
    assert " ".join(found.ssh_arguments()).endswith(expected)
