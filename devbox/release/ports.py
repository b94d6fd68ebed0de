"""Which ports of the container are meant, and where they go on the host. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from devbox.model import PortMapping

DEFAULT_PORT = 8000
_FLASK_PORT = 5000
_FIRST_UNPRIVILEGED = 1024
_PORT_FLAG = re.compile(r"(?:^|\s)(?:--port|-p)(?:=|\s+)(\d{1,5})\b")
_BIND_FLAG = re.compile(r"(?:^|\s)(?:--bind|-b)(?:=|\s*)\S*?:(\d{1,5})\b")
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
    """The TCP ports an image serves on, the application's first: EXPOSE, else its command, else 8000."""
    declared = tuple(port.container_port for port in exposed if port.protocol == "tcp")
    if declared:
        return declared
    return (port_in_command(command) or DEFAULT_PORT,)


def publish(
    configured: tuple[PortMapping, ...], exposed: Iterable[PortMapping], command: Iterable[str]
) -> tuple[PortMapping, ...]:
    """The mappings to publish: the configured ones, else every port of the image under its own number on
    127.0.0.1, or under 8000 where that number needs root."""
    if configured:
        return configured
    return tuple(
        PortMapping(
            host_port=port if port >= _FIRST_UNPRIVILEGED else DEFAULT_PORT + offset, container_port=port
        )
        for offset, port in enumerate(container_ports(exposed, command))
    )


def retarget(
    published: tuple[PortMapping, ...], exposed: Iterable[PortMapping], command: Iterable[str]
) -> tuple[PortMapping, ...]:
    """`published` with its container ports read anew from an image, the host's side kept as it is; ports
    that the image has too many of are left out, too few keep the container port they had."""
    ports = container_ports(exposed, command)
    return tuple(
        replace(mapping, container_port=ports[position]) if position < len(ports) else mapping
        for position, mapping in enumerate(published)
    )


def browser_url(mapping: PortMapping, host_port: int) -> str:
    """The URL a person opens for a published port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(mapping.host_ip, mapping.host_ip)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{host_port}"
