"""What the user's docker configuration says about logins to registries.

That is DOCKER_CONFIG/config.json or ~/.docker/config.json, with its `auths`, `credHelpers` and `credsStore`
(https://docs.docker.com/reference/cli/docker/login/), read anew each time: a login takes effect at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import docker.auth
import docker.errors
from docker.credentials.errors import StoreError

from devbox.engine.protocol import RegistryLogin
from devbox.errors import ConfigError

# Docker Hub's registry goes by another name than its login.
_HUB_REGISTRY = "registry-1.docker.io"


def registries() -> frozenset[str]:
    """The hosts of the registries that a login is kept for; runs no credential helper."""
    with readable("a registry"):
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


@contextmanager
def readable(registry: str) -> Iterator[None]:
    """Raises ConfigError for a docker configuration that cannot be read."""
    try:
        yield
    except (docker.errors.DockerException, StoreError, OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"the login for {registry} in the docker configuration cannot be read",
            cause=str(error),
            hint="docker login writes it anew",
        ) from error
