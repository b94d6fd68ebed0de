"""What a service manager has to know of one project's `devbox up`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devbox.config import Config
from devbox.errors import AlreadyRunning, UsageError

RESTART_AFTER = 5.0
WATCHDOG = 60.0
# Beside the container's own grace: ending standby and gate, and an engine that is slow to answer.
_STOPS_WITHIN = 30.0

# What leads to the engine, to what it needs, and to the folders where the other verbs look. Whatever a login
# makes anew, such as SSH_AUTH_SOCK, would be wrong by the next one.
_KEPT = (
    "PATH",
    "PYTHONPATH",
    "DOCKER_API_VERSION",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DEVBOX_BUILD_NETWORK",
    "DEVBOX_POLL",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
    *("all_proxy", "https_proxy", "http_proxy", "no_proxy"),
)


@dataclass(frozen=True, slots=True)
class Description:
    """One project's service: what is started, with which variables, and how it is restarted and stopped.

    `key` tells projects apart by their folder. `never_after` are exit codes that starting again cannot mend;
    durations are in seconds.
    """

    project: str
    root: Path
    key: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    stop_within: float
    restart_after: float = RESTART_AFTER
    never_after: tuple[int, ...] = (UsageError.exit_code, AlreadyRunning.exit_code)
    watchdog: float = WATCHDOG


def describe(config: Config, key: str, environ: Mapping[str, str], python: str) -> Description:
    """The service that runs `devbox up` on this project with this interpreter.

    Raises UsageError where a path or a variable is one that no service manager can be told.
    """
    # -P: no module of the user's project may stand in for one of ours.
    argv = (python, "-P", "-m", "devbox", "up", str(config.place), "--output", "plain")
    environment = {name: environ[name] for name in _KEPT if environ.get(name)}
    for what, text in (("the project's path", str(config.place)), *environment.items()):
        _refuse_unwritable(what, text)
    if unwritable(python) or any(mark in python for mark in "\"'\\"):
        raise UsageError(
            f"the interpreter {python!r} cannot be named in a unit", hint="install devbox elsewhere"
        )
    return Description(
        project=config.project,
        root=config.place,
        key=key,
        argv=argv,
        environment=environment,
        stop_within=config.stop_grace + _STOPS_WITHIN,
    )


def unwritable(text: str) -> bool:
    """Whether `text` holds what a unit or a property list may not: control characters, bytes that are no
    UTF-8, and code points that Unicode keeps for no character."""
    return any(
        sign < 0x20
        or sign == 0x7F
        or 0xD800 <= sign < 0xE000
        or 0xFDD0 <= sign < 0xFDF0
        or sign & 0xFFFE == 0xFFFE
        for sign in map(ord, text)
    )


def asked_variables(config: Config) -> tuple[str, ...]:
    """The variables whose values are build secrets: they are asked for, and never written into a file."""
    return tuple(sorted({secret.variable for secret in config.secrets if secret.variable}))


def _refuse_unwritable(what: str, text: str) -> None:
    if unwritable(text):
        raise UsageError(
            f"{what} cannot be written into a unit",
            cause=f"{text!r} holds control characters, or what is no valid UTF-8",
        )
