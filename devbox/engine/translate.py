"""Foreign exceptions and the engine's refusals to the errors of devbox.

`FOREIGN` names every exception that may come out of the docker SDK and what lies below it; a test walks
the libraries' own exception modules to prove it complete. Anything else is a mistake of ours and passes.
"""

from __future__ import annotations

import errno
import http.client
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors
import requests
import urllib3.exceptions

from devbox.errors import (
    ConfigError,
    Conflict,
    DevboxError,
    EngineRefused,
    EngineUnreachable,
    NotFound,
    PortTaken,
    PullFailed,
    StartFailed,
)

FOREIGN: tuple[type[Exception], ...] = (
    docker.errors.DockerException,
    docker.errors.StreamParseError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    urllib3.exceptions.ProxySchemeUnsupported,
    http.client.HTTPException,
    json.JSONDecodeError,
    OSError,
)

_UNREACHABLE = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.IncompleteRead,
    urllib3.exceptions.InvalidChunkLength,
    urllib3.exceptions.PoolError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.ProxyError,
    http.client.HTTPException,
)
_TIMED_OUT = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)

_TLS_HINT = "check the certificates of the docker context, or DOCKER_CERT_PATH and DOCKER_TLS_VERIFY"
_START_HINT = "start Docker (sudo systemctl start docker, or Docker Desktop), or set DOCKER_HOST"
_PORT_TAKEN = re.compile(
    r"port is already allocated|address already in use"
    r"|failed to bind host port(?!.*(?:permission denied|cannot assign))",
    re.I | re.S,
)
_PORT = re.compile(r"(?:[\d.]+|\[[0-9a-f:]*\]|::):(\d+)")
_NO_BIND_SOURCE = re.compile(r"bind source path does not exist|mounts denied|path .* is not shared", re.I)
_NOT_RUNNABLE = re.compile(
    r"OCI runtime create failed|failed to create (?:shim )?task|unable to start container", re.I
)
_IN_USE = re.compile(r"has active endpoints", re.I)
_TOO_NEW = re.compile(r"client version .* is too (?:new|old)", re.I)
_PULL_ADVICE = (
    (r"no active sessions", "the registry asks for a login that a build cannot give: pull the image first"),
    (
        r"no such host|dial tcp|timeout|deadline exceeded|connection refused|server misbehaving|x509|eof",
        "the engine cannot reach the registry: check its network and its proxy settings",
    ),
    (r"toomanyrequests|rate limit", "the registry limits pulls: log in with docker login, or wait"),
    (
        r"access denied|unauthorized|authentication required|credentials|denied",
        "check the name, then docker login",
    ),
    (
        r"no matching manifest|does not match the .*platform",
        "the image is not made for this machine's processor",
    ),
    (r"manifest unknown|manifest for .* not found|not found|no such", "check the image's name and tag"),
)
# What a registry says that was reached. Podman, without the endpoint, has never heard of the path itself.
_REGISTRY_SAYS_NO = re.compile(
    r"unauthorized|authentication required|denied|(?:manifest|name) unknown|not found|no matching manifest"
    r"|invalid reference",
    re.I,
)
_NO_ENDPOINT = re.compile(r"(?:404 )?(?:page )?not found", re.I)


@contextmanager
def translated(what: str, address: str = "", *, pulling: bool = False) -> Iterator[None]:
    """Turns foreign exceptions into devbox's; `what` is what failed, `pulling` that it fetched an image."""
    try:
        yield
    except FOREIGN as error:
        raise translate(error, what, address, pulling=pulling) from error


def translate(error: Exception, what: str, address: str = "", *, pulling: bool = False) -> DevboxError:
    """The devbox error for any of `FOREIGN`."""
    response = getattr(error, "response", None)
    if isinstance(response, requests.Response):
        return refusal(what, response.status_code, _explanation(response), pulling=pulling)
    if any(isinstance(part, ssl.SSLError) for part in _chain(error)):
        return EngineUnreachable(
            f"no trust in the engine at {address}", cause=_innermost(error), hint=_TLS_HINT
        )
    code = _errno(error)
    if code in (errno.EACCES, errno.EPERM):
        return EngineUnreachable(
            f"no permission to use the engine at {address}",
            cause=_innermost(error),
            hint="add yourself to the docker group (sudo usermod -aG docker $USER) and log in again",
        )
    if code in (errno.ENOENT, errno.ECONNREFUSED):
        return EngineUnreachable(f"no engine answers at {address}", cause=_innermost(error), hint=_START_HINT)
    if isinstance(error, _TIMED_OUT):
        return EngineUnreachable(
            what,
            cause=f"the engine at {address} did not answer in time",
            hint="is it still starting, or the machine overloaded?",
        )
    if isinstance(error, _UNREACHABLE) or (
        isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    ):
        return EngineUnreachable(
            what, cause=f"the connection to the engine broke ({_innermost(error)})", hint=_START_HINT
        )
    if isinstance(error, docker.errors.TLSParameterError):
        return EngineUnreachable(what, cause=error.msg, hint=_TLS_HINT)
    return EngineRefused(
        what, cause=_innermost(error), hint="docker version shows whether the engine is well"
    )


def refusal(what: str, status: int, message: str, *, pulling: bool = False) -> DevboxError:
    """The devbox error for an answer with an HTTP error status (0 where the answer was a stream)."""
    if _TOO_NEW.search(message):
        return EngineRefused(
            what,
            status=status,
            cause=message,
            hint="this devbox and this engine are too far apart in age: update the older one",
        )
    if pulling:
        return PullFailed(what, cause=message, hint=_pull_hint(message))
    if _PORT_TAKEN.search(message):
        port = _PORT.search(message)
        return PortTaken(
            f"port {port[1]} is taken" if port else "a port to publish is taken",
            cause=message,
            hint="stop what holds it, or publish another port with -p",
        )
    if _NOT_RUNNABLE.search(message):
        return StartFailed(what, cause=message, hint="check CMD and ENTRYPOINT of the image")
    if _NO_BIND_SOURCE.search(message):
        return ConfigError(what, cause=message, hint="create the path to mount, or correct it")
    if status == 404:
        return NotFound(what, cause=message, hint="somebody else may have removed it")
    if status == 409 or _IN_USE.search(message):
        return Conflict(what, cause=message, hint="docker ps -a shows what uses it")
    return EngineRefused(
        what, status=status, cause=message, hint="the engine's log may say more (journalctl -u docker)"
    )


def no_from_registry(error: docker.errors.APIError, what: str) -> DevboxError:
    """PullFailed where the registry has no such image for this user, EngineRefused where it was not reached
    or the engine cannot ask."""
    found = translate(error, what, pulling=True)
    if _REGISTRY_SAYS_NO.search(found.cause) and not _NO_ENDPOINT.fullmatch(found.cause):
        return found
    return EngineRefused(what, cause=found.cause, hint=found.hint)


def _pull_hint(message: str) -> str:
    for pattern, hint in _PULL_ADVICE:
        if re.search(pattern, message, re.I):
            return hint
    return "try docker pull by hand: it may say more"


def _explanation(response: requests.Response) -> str:
    try:
        return str(response.json()["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return response.text.strip() or response.reason or f"HTTP {response.status_code}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    # urllib3 and requests keep the error below theirs now as an argument, now as a context.
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.append(current)
        yield current
        below = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        waiting.extend(part for part in below if isinstance(part, BaseException))


def _errno(error: BaseException) -> int | None:
    return next((part.errno for part in _chain(error) if isinstance(part, OSError) and part.errno), None)


def _innermost(error: BaseException) -> str:
    system = next((part for part in _chain(error) if isinstance(part, OSError) and part.strerror), None)
    if system is not None:
        return str(system.strerror)
    return str(error).strip() or type(error).__name__
