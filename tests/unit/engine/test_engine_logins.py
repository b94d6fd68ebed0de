"""Logins of the user's docker configuration."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from devbox.engine import logins
from devbox.engine.protocol import RegistryLogin
from devbox.errors import ConfigError

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
    configuration.write_text(json.dumps({"auths": auths}))
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
    configuration.write_text(json.dumps({"auths": {"private.test": {}}, **kept}))
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
    configuration.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"the login for private\.test in the docker configuration"):
        logins.login("private.test")
