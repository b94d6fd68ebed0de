"""Which ports of the container are meant, and where they go on the host. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from devbox.model import PortMapping

DEFAULT_PORT = 8000
_FLASK_PORT = 5000
_FIRST_UNPRIVILEGED = 1024
_PORT_FLAG = re.compile(r"(?:^|\s)(?:--port(?:=|\s+)|-p(?:=|\s*))[\"']?(\d{1,5})\b")
_BIND_FLAG = re.compile(r"(?:^|\s)(?:--bind(?:=|\s+)|-b(?:=|\s*))\S*?:(\d{1,5})\b")
_SHELL_DEFAULT = re.compile(r"\$\{\w+:?-(\d+)\}")
_FLASK_RUN = re.compile(r"(?:^|[\s/])flask\b.*\brun\b")


def port_in_command(command: Iterable[str]) -> int | None:
    """The port that a command line names (--port, -p, --bind, -b), None where it names none.

    `flask run` without one means Flask's own 5000; a shell default such as ${PORT:-8080} counts.
    """
    text = _SHELL_DEFAULT.sub(r"\1", " ".join(command))
    for pattern in (_PORT_FLAG, _BIND_FLAG):
        if match := pattern.search(text):
            port = int(match[1])
            return port if 0 < port <= 65535 else None
    return _FLASK_PORT if _FLASK_RUN.search(text) else None


def container_ports(exposed: Iterable[PortMapping], command: Iterable[str]) -> tuple[int, ...]:
    """The TCP ports an image serves on: EXPOSE, else its command, else 8000.

    The application's comes first: the one its command names, else the lowest. The engine does not keep the
    order of EXPOSE, so that it means nothing here either.
    """
    declared = {port.container_port for port in exposed if port.protocol == "tcp"}
    named = port_in_command(command)
    if not declared:
        return (named or DEFAULT_PORT,)
    return tuple(sorted(declared, key=lambda port: (port != named, port)))


def names_port(
    configured: Iterable[PortMapping], exposed: Iterable[PortMapping], command: Iterable[str]
) -> bool:
    """False where neither the settings nor the image nor its command speak of a TCP port."""
    ports = (*configured, *exposed)
    return any(port.protocol == "tcp" for port in ports) or port_in_command(command) is not None


def publish(
    configured: tuple[PortMapping, ...], exposed: Iterable[PortMapping], command: Iterable[str]
) -> tuple[PortMapping, ...]:
    """The mappings to publish: the configured ones, else every port of the image under its own number on
    127.0.0.1, or under the first free one from 8000 on where that number needs root."""
    if configured:
        return configured
    ports = container_ports(exposed, command)
    taken = {port for port in ports if port >= _FIRST_UNPRIVILEGED}
    published = []
    for port in ports:
        host_port = port
        if port < _FIRST_UNPRIVILEGED:
            host_port = next(free for free in count(DEFAULT_PORT) if free not in taken)
            taken.add(host_port)
        published.append(PortMapping(host_port=host_port, container_port=port))
    return tuple(published)


def retarget(
    published: tuple[PortMapping, ...], exposed: Iterable[PortMapping], command: Iterable[str]
) -> tuple[PortMapping, ...]:
    """`published` with its container ports read anew from an image, the host's side kept as it is.

    A mapping whose container port the image still has stays as it is; the others get the ports that are
    left, the application's first, and the application's once none is left. Ports that the image has too many
    of are left out.
    """
    ports = container_ports(exposed, command)
    kept = {mapping.container_port for mapping in published}.intersection(ports)
    left = iter(port for port in ports if port not in kept)
    return tuple(
        mapping if mapping.container_port in kept else replace(mapping, container_port=next(left, ports[0]))
        for mapping in published
    )


def browser_url(mapping: PortMapping, host_port: int) -> str:
    """The URL a person opens for a published port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(mapping.host_ip, mapping.host_ip)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{host_port}"
