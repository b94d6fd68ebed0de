"""Logins of the user's docker configuration."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from devbox.engine import connect, logins
from devbox.engine.docker import DockerEngine
from devbox.engine.values import RegistryLogin
from devbox.errors import ConfigError

from .stub import StubEngine, on_socket, says

HELPER = """#!/bin/sh
read -r server
case "$server" in
    private.test) echo '{"ServerURL": "private.test", "Username": "dora", "Secret": "kept"}' ;;
    token.test) echo '{"ServerURL": "token.test", "Username": "<token>", "Secret": "identity"}' ;;
    *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config.json of a user, who has a credential helper `test`."""
    helper = tmp_path / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def write(configuration: Path, value: object) -> None:
    configuration.write_text(json.dumps(value))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_without_a_configuration_there_is_none(configuration: Path) -> None:
    assert logins.registries() == frozenset()
    assert logins.login("private.test") is None


def test_a_login_in_the_file(configuration: Path) -> None:
    auths = {
        "private.test:5000": {"auth": encoded("dora:pa:ss")},
        "https://index.docker.io/v1/": {"auth": encoded("hub:secret")},
        "token.test": {"identitytoken": "identity"},
    }
    write(configuration, {"auths": auths})
    assert logins.registries() == {"private.test:5000", "docker.io", "token.test"}
    assert logins.login("private.test:5000") == RegistryLogin("dora", "pa:ss")
    assert logins.login("registry-1.docker.io") == RegistryLogin("hub", "secret")
    assert logins.login("token.test") == RegistryLogin("", "identity")
    assert logins.login("private.test") is None
    assert "pa:ss" not in repr(logins.login("private.test:5000"))


@pytest.mark.parametrize(
    "kept", [{"credsStore": "test"}, {"credHelpers": dict.fromkeys(["private.test", "token.test"], "test")}]
)
def test_a_login_in_a_helper(configuration: Path, kept: dict[str, object]) -> None:
    write(configuration, {"auths": {"private.test": {}}, **kept})
    assert "private.test" in logins.registries()
    assert logins.login("private.test") == RegistryLogin("dora", "kept")
    assert logins.login("token.test") == RegistryLogin("", "identity")
    assert logins.login("nowhere.test") is None


@pytest.mark.filterwarnings("ignore:docker-credential-none")
@pytest.mark.parametrize(
    "content",
    [
        {"auths": {"private.test": {"auth": "no base64"}}},
        {"auths": {"private.test": "no table"}},
        {"credsStore": "none"},
    ],
)
def test_what_cannot_be_read_is_said(configuration: Path, content: object) -> None:
    write(configuration, content)
    with pytest.raises(ConfigError, match=r"the login for private\.test in the docker configuration"):
        logins.login("private.test")


@pytest.mark.parametrize("content", [{"auths": {"x.test": {"auth": ""}}}, {"auths": {"x.test": "no table"}}])
async def test_a_login_that_the_sdk_cannot_read_is_no_crash(
    configuration: Path, stub: StubEngine, socket_path: Path, content: object
) -> None:
    write(configuration, content)
    async with on_socket(stub, socket_path) as address:
        with pytest.raises(ConfigError, match="a login in the docker configuration cannot be read"):
            await connect(address)


@pytest.mark.parametrize(
    ("reference", "sent"),
    [
        ("private.test/x:1", {"username": "dora", "password": "kept", "serveraddress": "private.test"}),
        ("token.test/x:1", {"identitytoken": "identity", "serveraddress": "token.test"}),
        ("python:3.13", {}),
    ],
)
async def test_a_pull_is_sent_with_the_login(
    configuration: Path, stub: StubEngine, engine: DockerEngine, reference: str, sent: dict[str, str]
) -> None:
    stub.routes["POST /images/create"] = says({"status": "done"})
    # Logged in since devbox was started.
    write(configuration, {"credsStore": "test"})
    async for _ in engine.pull(reference):
        pass
    (asked,) = stub.asked("POST /images/create")
    assert json.loads(base64.urlsafe_b64decode(asked.headers["x-registry-auth"])) == sent


@pytest.mark.filterwarnings("ignore:docker-credential-none")
async def test_a_helper_that_is_not_there_is_named(configuration: Path, engine: DockerEngine) -> None:
    write(configuration, {"credsStore": "none"})
    with pytest.raises(ConfigError, match="docker-credential-none not installed"):
        async for _ in engine.pull("private.test/x:1"):
            pass
