"""Reading /proc/net/tcp: what listens where inside a container. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Local address, port, remote address, state 0A (LISTEN): proc(5).
_LISTENER = re.compile(r"\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]+ 0A\s")
# Addresses stand in the byte order of the machine: 127.0.0.0/8 as such and mapped into IPv6, and ::1.
_LOOPBACK = re.compile(r"(?:0{16}FFFF0000)?[0-9A-F]{6}7F|0{24}01000000")
# Docker's embedded name server listens on 127.0.0.11 in every user-defined network.
_DOCKER_DNS = "0B00007F"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP port; `loopback` where only the container itself can reach it."""

    port: int
    loopback: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a container does not answer; `certain` where waiting longer cannot help."""

    cause: str
    hint: str
    certain: bool


def parse(table: str) -> tuple[Listener, ...]:
    """The listeners in the text of /proc/net/tcp and /proc/net/tcp6; other lines are skipped."""
    found = set()
    for line in table.splitlines():
        match = _LISTENER.match(line)
        if match and match[1] != _DOCKER_DNS:
            found.add(Listener(int(match[2], 16), _LOOPBACK.fullmatch(match[1]) is not None))
    return tuple(sorted(found, key=lambda listener: (listener.port, listener.loopback)))


def diagnose(listeners: Iterable[Listener], wanted: int) -> Diagnosis | None:
    """Why nothing answers on `wanted`, None where nothing is odd yet.

    Listening elsewhere is no certain sign: a debugger does so long before the application is loaded.
    """
    found = tuple(listeners)
    ours = [listener for listener in found if listener.port == wanted]
    if ours:
        return _on_loopback(wanted) if all(listener.loopback for listener in ours) else None
    if not found:
        return None
    other = min(found, key=lambda listener: listener.loopback)
    hint = (
        f"publish that one: -p HOST_PORT:{other.port}, or EXPOSE {other.port} where nothing is given with -p"
    )
    if not other.loopback:
        return Diagnosis(
            f"the application listens on port {other.port}, not on {wanted}", hint, certain=False
        )
    return Diagnosis(
        f"the application listens on 127.0.0.1:{other.port} inside the container, not on port {wanted}",
        f"make it listen on 0.0.0.0 (--host 0.0.0.0), and {hint}",
        certain=False,
    )


def _on_loopback(port: int) -> Diagnosis:
    return Diagnosis(
        f"the application listens on 127.0.0.1:{port} inside the container, out of reach from outside",
        "make it listen on 0.0.0.0 (uvicorn, fastapi, flask: --host 0.0.0.0)",
        certain=True,
    )
