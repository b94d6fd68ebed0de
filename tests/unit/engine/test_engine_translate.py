from __future__ import annotations

import contextlib
import errno
import inspect
import json
from collections.abc import Iterator

import docker.errors
import pytest
import requests
import requests.exceptions
import urllib3.exceptions

from devbox.engine.translate import FOREIGN, no_from_registry, refusal, translate, translated
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

_ARGUMENTS: dict[type[Exception], list[object]] = {
    requests.exceptions.JSONDecodeError: ["it broke", "{", 0],
    urllib3.exceptions.IncompleteRead: [0, 1],
    urllib3.exceptions.InvalidChunkLength: [urllib3.HTTPResponse(), b"it broke"],
}
ADDRESS = "unix:///var/run/docker.sock"


def foreign_classes() -> Iterator[type[Exception]]:
    """Every exception that the libraries below us define, their warnings aside: those are never raised."""
    for module in (docker.errors, requests.exceptions, urllib3.exceptions):
        for _, found in inspect.getmembers(module, inspect.isclass):
            own = found.__module__ == module.__name__
            if own and issubclass(found, Exception) and not issubclass(found, Warning):
                yield found


def made(kind: type[Exception]) -> Exception:
    """An instance, with "it broke" for whatever its constructor demands."""
    for count in range(1, 7):
        with contextlib.suppress(TypeError):
            return kind(*_ARGUMENTS.get(kind, ["it broke"] * count))
    raise AssertionError(f"{kind} wants something else")


@pytest.mark.parametrize("kind", sorted(foreign_classes(), key=str))
def test_every_exception_of_the_libraries_has_a_translation(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    with pytest.raises(DevboxError) as raised, translated("cannot do it", ADDRESS):
        raise made(kind)
    assert raised.value.what
    assert raised.value.cause
    assert raised.value.hint
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("mistake", [KeyError("Id"), TypeError("no"), AssertionError(), ValueError("no")])
def test_a_mistake_of_ours_is_not_dressed_up(mistake: Exception) -> None:
    with pytest.raises(type(mistake)) as raised, translated("cannot do it", ADDRESS):
        raise mistake
    assert raised.value is mistake


def wrapped(error: OSError) -> requests.ConnectionError:
    """An error of the system as it arrives through urllib3 and requests."""
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", error))


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.EACCES, "docker group"),
        (errno.ENOENT, "start Docker"),
        (errno.ECONNREFUSED, "start Docker"),
        (errno.ECONNRESET, "start Docker"),
        (errno.EPIPE, "start Docker"),
    ],
)
def test_a_socket_that_does_not_answer(code: int, hint: str) -> None:
    for error in (OSError(code, "system says no"), wrapped(OSError(code, "system says no"))):
        found = translate(error, "cannot do it", ADDRESS)
        assert isinstance(found, EngineUnreachable)
        assert hint in found.hint
        assert "system says no" in found.cause


def test_missing_and_forbidden_sockets_are_named() -> None:
    for code in (errno.EACCES, errno.ENOENT):
        assert ADDRESS in translate(wrapped(OSError(code, "no")), "cannot do it", ADDRESS).what


@pytest.mark.parametrize(
    "error", [requests.ReadTimeout("read"), requests.ConnectTimeout("connect"), TimeoutError("timed out")]
)
def test_an_engine_that_is_too_slow(error: Exception) -> None:
    found = translate(error, "cannot stop web", ADDRESS)
    assert isinstance(found, EngineUnreachable)
    assert "in time" in found.cause


def test_an_answer_that_is_not_json() -> None:
    with pytest.raises(EngineRefused), translated("cannot do it", ADDRESS):
        json.loads("<html>")


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (404, "No such container: web", NotFound),
        (409, 'Conflict. The container name "/web" is already in use', Conflict),
        (400, "client version 1.60 is too new. Maximum supported API version is 1.41", EngineRefused),
        (400, 'invalid mount config for type "bind": bind source path does not exist: /x', ConfigError),
        (400, 'OCI runtime create failed: exec: "uvicorn": executable file not found in $PATH', StartFailed),
        (500, "something else", EngineRefused),
        (500, "failed to bind host port 127.0.0.1:80/tcp: permission denied", EngineRefused),
        (500, "failed to bind host port 127.0.0.1:8000/tcp", PortTaken),
        (
            500,
            (
                "driver failed programming external connectivity on endpoint web (0a1b): "
                "Bind for 127.0.0.1:8000 failed: port is already allocated"
            ),
            PortTaken,
        ),
        (
            500,
            (
                "driver failed programming external connectivity on endpoint web (0a1b): Error starting "
                "userland proxy: listen tcp4 127.0.0.1:8000: bind: address already in use"
            ),
            PortTaken,
        ),
        (
            500,
            (
                "failed to set up container networking: driver failed programming external connectivity on "
                "endpoint web (0a1b): failed to bind host port for 127.0.0.1:8000:172.17.0.2:80/tcp: "
                "address already in use"
            ),
            PortTaken,
        ),
        (500, "failed to bind host port [::1]:8000/tcp: address already in use", PortTaken),
    ],
)
def test_what_the_engine_refuses(status: int, message: str, expected: type[DevboxError]) -> None:
    found = refusal("cannot start web", status, message)
    assert type(found) is expected
    assert message in found.cause
    if isinstance(found, PortTaken):
        assert found.what == "port 8000 is taken"
    if isinstance(found, EngineRefused):
        assert found.status == status


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("pull access denied for x, repository does not exist or may require 'docker login'", "docker login"),
        ("manifest for python:9 not found: manifest unknown: manifest unknown", "name and tag"),
        ('Get "https://r.invalid/v2/": dial tcp: lookup r.invalid: no such host', "cannot reach"),
        ("toomanyrequests: You have reached your pull rate limit", "limits pulls"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "processor"),
        ("failed to authorize: no active sessions", "pull the image first"),
        ("no basic auth credentials", "docker login"),
        ("the registry is on fire", "docker pull"),
    ],
)
def test_why_an_image_cannot_be_pulled(message: str, hint: str) -> None:
    for status in (0, 404, 500):
        found = refusal("cannot pull x", status, message, pulling=True)
        assert isinstance(found, PullFailed)
        assert hint in found.hint


def test_the_body_of_a_refusal_is_its_cause() -> None:
    response = requests.Response()
    response.status_code = 409
    response._content = b'{"message": "in use"}'
    with pytest.raises(Conflict) as raised, translated("cannot remove x", ADDRESS):
        response.raise_for_status()
    assert raised.value.cause == "in use"
    response._content = b"page not found\n"
    assert translate(requests.HTTPError(response=response), "x").cause == "page not found"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("manifest unknown: manifest unknown", PullFailed),
        ("errors:\ndenied: requested access to the resource is denied\nunauthorized", PullFailed),
        ("invalid reference format", PullFailed),
        (
            'Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host',
            EngineRefused,
        ),
        ('Get "https://registry.example/v2/": x509: certificate signed by unknown authority', EngineRefused),
        ("Not Found", EngineRefused),
        ("404 page not found", EngineRefused),
    ],
)
def test_a_registry_that_says_no_is_told_from_one_that_is_not_reached(
    message: str, kind: type[DevboxError]
) -> None:
    response = requests.Response()
    response.status_code = 500
    response._content = json.dumps({"message": message}).encode()
    found = no_from_registry(docker.errors.APIError("failed", response=response), "cannot pull x")
    assert type(found) is kind
    assert found.cause == message
    assert found.hint
