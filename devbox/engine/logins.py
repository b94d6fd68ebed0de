"""What the user's docker configuration says about logins to registries.

That is DOCKER_CONFIG/config.json or ~/.docker/config.json, with its `auths`, `credHelpers` and `credsStore`
(https://docs.docker.com/reference/cli/docker/login/), read anew each time: a login takes effect at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import docker.auth
import docker.errors
from docker.credentials.errors import StoreError

from devbox.engine.values import RegistryLogin
from devbox.errors import ConfigError

# The error that follows says it too, and where it belongs.
warnings.filterwarnings("ignore", message="docker-credential-", category=UserWarning)

# Docker Hub's registry goes by another name than its login.
_HUB_REGISTRY = "registry-1.docker.io"


def registries() -> frozenset[str]:
    """The hosts of the registries that a login is kept for; runs no credential helper."""
    with readable():
        known = docker.auth.load_config()
    hosts = (*known.auths, *known.cred_helpers)
    return frozenset(docker.auth.resolve_index_name(host) for host in hosts)


def login(registry: str) -> RegistryLogin | None:
    """The login for a registry's host, None where there is none. May run a credential helper."""
    host = docker.auth.INDEX_NAME if registry == _HUB_REGISTRY else registry
    with readable(registry):
        found = docker.auth.load_config().resolve_authconfig(host) or {}
    # Helpers answer with other letters than the file.
    fields = {name.lower(): str(value or "") for name, value in found.items()}
    if token := fields.get("identitytoken"):
        return RegistryLogin("", token)
    if password := fields.get("password"):
        return RegistryLogin(fields.get("username", ""), password)
    return None


def header(reference: str) -> dict[str, str]:
    """What the Engine API wants to know to pull an image (X-Registry-Auth), {} for a registry without a
    login."""
    registry = docker.auth.resolve_repository_name(reference)[0]
    found = login(registry)
    if found is None:
        return {}
    if not found.username:
        return {"identitytoken": found.secret, "serveraddress": registry}
    return {"username": found.username, "password": found.secret, "serveraddress": registry}


@contextmanager
def readable(registry: str = "") -> Iterator[None]:
    """Raises ConfigError for a docker configuration that cannot be read, or whose helper fails."""
    what = f"the login for {registry}" if registry else "a login"
    try:
        yield
    except (docker.errors.DockerException, StoreError, OSError, ValueError, KeyError) as error:
        raise _unreadable(what, error) from error


@contextmanager
def parsed() -> Iterator[None]:
    """Raises ConfigError where the SDK, on its way to something else, cannot make sense of a login."""
    try:
        yield
    except (docker.errors.InvalidConfigFile, ValueError) as error:
        raise _unreadable("a login", error) from error


def _unreadable(what: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{what} in the docker configuration cannot be read",
        cause=f"an entry is no login ({error})" if isinstance(error, ValueError) else str(error),
        hint="correct config.json in DOCKER_CONFIG or ~/.docker; docker login writes it anew",
    )
