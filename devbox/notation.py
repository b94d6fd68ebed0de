"""The notations of `docker run` for ports, volumes and environment, of `docker build` for secrets, and of
`docker logs` for moments, as values."""

from __future__ import annotations

import csv
import ipaddress
import os
import posixpath
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from dotenv.parser import parse_stream

from devbox.errors import ConfigError, UsageError
from devbox.model import PortMapping, SecretSource, VolumeMount

_PORT = re.compile(
    r"""
    (?: (?: \[(?P<ip6>[0-9a-fA-F:.]+)\] | (?P<ip4>[0-9]+(?:\.[0-9]+){3}) ) : )?
    (?: (?P<host>(?:\d{1,9}(?:-\d{1,9})?)?) : )?
    (?P<container>\d{1,9}(?:-\d{1,9})?)
    (?: / (?P<protocol>[a-z]+) )?
    """,
    re.VERBOSE | re.ASCII,
)
_SPAN = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?", re.ASCII)
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_VARIABLE = re.compile(r"[^=\s][^=]*")
_PROTOCOLS = ("tcp", "udp", "sctp")
_SECRET_KEYS = {"id": "id", "src": "src", "source": "src", "env": "env", "type": "type"}


def parse_since(text: str, now: float) -> float:
    """The moment that `--since text` means, in seconds since the epoch: so long before `now` (10m, 1h30m),
    or a date with or without a time, local where it names no zone. Raises UsageError."""
    spans = _SPAN.fullmatch(text.strip())
    if spans is not None and text.strip():
        hours, minutes, seconds = (float(spans[name] or 0) for name in ("h", "m", "s"))
        return now - (hours * 3600 + minutes * 60 + seconds)
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--since {text} cannot be read", hint="write 30s, 10m, 2h, or a date such as 2026-11-27T10:00"
        ) from error


def parse_ports(text: str) -> tuple[PortMapping, ...]:
    """The mappings that `-p text` means: [HOST_IP:][HOST:]CONTAINER[/PROTOCOL], ranges allowed.

    Two things differ from `docker run`: without a host address the port is published on 127.0.0.1, and a
    lone port is published under its own number; host port 0 means any free one. Raises ConfigError.
    """

    def wrong(cause: str) -> ConfigError:
        return ConfigError(
            f"port '{text}' cannot be read",
            cause=cause,
            hint="write -p 8000, -p 8080:8000, -p 127.0.0.1:8080:8000 or -p 0:8000 for any free port",
        )

    match = _PORT.fullmatch(text.strip())
    if match is None:
        raise wrong("expected [HOST_IP:][HOST_PORT:]CONTAINER_PORT[/tcp|/udp]")
    host_ip = match["ip6"] or match["ip4"] or "127.0.0.1"
    protocol = match["protocol"] or "tcp"
    if protocol not in _PROTOCOLS:
        raise wrong(f"'{protocol}' is none of {', '.join(_PROTOCOLS)}")
    try:
        ipaddress.ip_address(host_ip)
    except ValueError as error:
        raise wrong(f"'{host_ip}' is no address") from error
    containers = _port_range(match["container"])
    host = match["host"]
    if host is None:
        hosts = containers
    elif host == "":
        hosts = tuple(0 for _ in containers)
    else:
        hosts = _port_range(host)
        if hosts == (0,):
            hosts = tuple(0 for _ in containers)
    if not containers or not hosts or 0 in containers or (0 in hosts and any(hosts)):
        raise wrong("ports run from 1 to 65535, ranges from low to high")
    if len(hosts) != len(containers):
        raise wrong(f"{len(hosts)} host ports for {len(containers)} container ports")
    return tuple(
        PortMapping(host_ip, host_port, container_port, protocol)
        for host_port, container_port in zip(hosts, containers, strict=True)
    )


def _port_range(text: str) -> tuple[int, ...]:
    """Every port of "8000" or "8000-8002"; empty where one is out of range."""
    low, _, high = text.partition("-")
    first, last = int(low), int(high or low)
    return tuple(range(first, last + 1)) if first <= last <= 65535 else ()


def parse_volume(text: str, root: Path) -> VolumeMount:
    """The mount that `-v text` means: [SOURCE:]TARGET[:ro|rw]; a relative SOURCE starts at `root`.

    A lone TARGET is an anonymous volume. Raises ConfigError.
    """

    def wrong(cause: str) -> ConfigError:
        return ConfigError(
            f"volume '{text}' cannot be read",
            cause=cause,
            hint="write -v NAME:/path, -v ./folder:/path, -v ./folder:/path:ro or -v /path",
        )

    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise wrong("expected [SOURCE:]TARGET[:ro|rw]")
    if len(parts) == 1:
        source, target, option = "", parts[0], "rw"
    elif len(parts) == 2 and parts[1] in {"ro", "rw"}:
        raise wrong(
            f"'{parts[1]}' needs a source before it" if parts[0].startswith("/") else "TARGET is missing"
        )
    else:
        source, target, option = parts[0], parts[1], (parts[2] if len(parts) == 3 else "rw")
    if option not in {"ro", "rw"}:
        raise wrong(f"option '{option}' is neither ro nor rw")
    place = posixpath.normpath("/" + target.lstrip("/"))
    if not target.startswith("/") or place == "/":
        raise wrong(f"'{target}' is not an absolute path below / in the container")
    if not source:
        return VolumeMount("anonymous", "", place, read_only=False)
    if source.startswith(("/", "./", "../", "~")) or source in {".", ".."}:
        try:
            path = os.path.normpath(root / Path(source).expanduser())
        except (RuntimeError, ValueError) as error:
            raise wrong(f"'{source}' begins with the home of a user who is not there") from error
        return VolumeMount("bind", path, place, read_only=option == "ro")
    if not _VOLUME_NAME.fullmatch(source):
        raise wrong(f"'{source}' is neither a volume name nor a path (start a relative path with ./)")
    return VolumeMount("volume", source, place, read_only=option == "ro")


def parse_assignment(text: str, what: str) -> tuple[str, str | None]:
    """ "NAME=value" as (NAME, value), "NAME" as (NAME, None); raises ConfigError for a name that cannot be.

    `what` names the flag in the error.
    """
    name, equals, value = text.partition("=")
    if not _VARIABLE.fullmatch(name):
        raise ConfigError(
            f"{what} '{text}' cannot be read",
            cause="the name before '=' is missing",
            hint=f"write {what} NAME=value",
        )
    return name, value if equals else None


def resolve_assignments(texts: tuple[str, ...], what: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Assignments as a mapping, later ones winning; a lone NAME takes its value from `environ`, and is left
    out where that has none, as `docker run -e NAME` does. Raises ConfigError."""
    resolved: dict[str, str] = {}
    for text in texts:
        name, value = parse_assignment(text, what)
        if value is None:
            value = environ.get(name)
        if value is not None:
            resolved[name] = value
    return resolved


def read_env_file(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of an env file in the dotenv notation (quotes, `export`, comments); a lone NAME takes
    its value from `environ`. Raises ConfigError naming the file and the line."""
    resolved: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for binding in parse_stream(stream):
                if binding.error:
                    written = binding.original.string
                    # What was read starts with the blank lines before it.
                    blank = written[: len(written) - len(written.lstrip())].count("\n")
                    raise ConfigError(
                        f"env file {path.name}, line {binding.original.line + blank}, cannot be read",
                        cause=f"'{written.strip()[:40]}' is not NAME=value",
                    )
                if binding.key is None:
                    continue
                value = environ.get(binding.key) if binding.value is None else binding.value
                if value is not None:
                    resolved[binding.key] = value
    except FileNotFoundError as error:
        raise ConfigError(
            f"env file {path} is not there", hint="create it or take it out of the settings"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"env file {path} cannot be read", cause=str(error)) from error
    return resolved


def parse_secret(text: str, environ: Mapping[str, str]) -> SecretSource:
    """A build secret in the letters of `docker build --secret`: id=NAME,src=FILE or id=NAME,env=VARIABLE.

    A lone id=NAME means the environment variable of that name, or else the file. Raises ConfigError.
    """
    fields: dict[str, str] = {}
    try:
        parts = next(csv.reader([text]), [])
    except csv.Error as error:
        raise _no_secret(text, str(error)) from error
    for part in parts:
        key, equals, value = part.strip().partition("=")
        known = _SECRET_KEYS.get(key.lower(), "")
        if not equals or not known:
            raise _no_secret(text, f"'{part.strip()}' is none of id=, src=, env=, type=")
        fields[known] = value
    name, kind = fields.pop("id", ""), fields.pop("type", "")
    if kind not in {"", "file", "env"}:
        raise _no_secret(text, f"type '{kind}' is neither file nor env")
    if not fields:
        fields = {"env" if kind == "env" or (not kind and name in environ) else "src": name}
    elif kind == "env" and "env" not in fields:
        fields["env"] = fields.pop("src")
    try:
        return secret_source(name, fields)
    except ConfigError as error:
        raise _no_secret(text, error.cause) from error


def secret_source(name: str, fields: Mapping[str, str]) -> SecretSource:
    """A build secret out of its `src` or its `env`; raises ConfigError unless it is exactly one of them."""
    if not name:
        cause = "its id is missing"
    elif unknown := [key for key in fields if key not in {"src", "env"}]:
        cause = f"'{unknown[0]}' is neither src nor env"
    elif len([value for value in fields.values() if value]) != 1:
        cause = "it needs src or env, one of the two"
    else:
        return SecretSource(name, fields.get("src", ""), fields.get("env", ""))
    raise ConfigError(
        f"the secret '{name}' cannot be read",
        cause=cause,
        hint='write NAME = { src = "FILE" } or NAME = { env = "VARIABLE" } below [secrets]',
    )


def _no_secret(text: str, cause: str) -> ConfigError:
    return ConfigError(
        f"--secret '{text}' cannot be read",
        cause=cause,
        hint="write --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE",
    )
