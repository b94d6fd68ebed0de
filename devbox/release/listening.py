"""Reading /proc/net/tcp: what listens where inside a container. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_LISTEN = "0A"
_LOOPBACK = ("0100007F", "00000000000000000000000001000000")
# Docker's embedded name server listens on 127.0.0.11 in every user-defined network.
_DOCKER_DNS = "0B00007F"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP port; `loopback` where only the container itself can reach it."""

    port: int
    loopback: bool


def parse(table: str) -> tuple[Listener, ...]:
    """The listeners in the text of /proc/net/tcp and /proc/net/tcp6 (proc(5)); other lines are skipped."""
    found = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[3] != _LISTEN or ":" not in fields[1]:
            continue
        address, _, port = fields[1].rpartition(":")
        if address != _DOCKER_DNS:
            found.add(Listener(int(port, 16), address in _LOOPBACK))
    return tuple(sorted(found, key=lambda listener: (listener.port, listener.loopback)))


def diagnose(listeners: Iterable[Listener], wanted: int) -> tuple[str, str]:
    """(cause, hint) for a container that does not answer on `wanted`; ('', '') where nothing is odd yet."""
    found = tuple(listeners)
    ours = [listener for listener in found if listener.port == wanted]
    if ours and all(listener.loopback for listener in ours):
        return (
            f"the application listens on 127.0.0.1:{wanted} inside the container, out of reach from outside",
            "make it listen on 0.0.0.0 (uvicorn, fastapi, flask: --host 0.0.0.0)",
        )
    others = [listener.port for listener in found if not listener.loopback]
    if not ours and others:
        return (
            f"the application listens on port {others[0]}, not on {wanted}",
            f"add EXPOSE {others[0]} to the Dockerfile, or -p {wanted}:{others[0]}",
        )
    return "", ""
