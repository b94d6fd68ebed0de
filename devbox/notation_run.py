"""The notations of `docker run` for limits, networks, restarts, users, hosts, signals and labels.

Each raises ConfigError naming the setting and the right form.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping

from devbox.errors import ConfigError, SettingRefused
from devbox.model import LABELS_OF_OURS, NetworkAttachment, RestartPolicy

LEAST_MEMORY = 6 * 1024 * 1024
"""The engine refuses less."""
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kmgtp]?)(?:i?b)?", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION_PART = re.compile(r"([\d.]+)(\D+)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII)
_HOST_NAME = re.compile(r"[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,251}[a-zA-Z0-9_])?", re.ASCII)
_USER = re.compile(r"[^\s:]+(?::[^\s:]+)?")
_BRIDGE = "bridge"
_NOT_BESIDE = ("host", "none")
_TMPFS_FLAG = re.compile(
    r"r[ow]|(?:no)?(?:exec|suid|dev|mand|atime|diratime|relatime|strictatime)|a?sync|dirsync"
)
_TMPFS_VALUES = {
    "size": re.compile(r"\d+[kmgKMG%]?"),
    "mode": re.compile(r"[0-7]{3,4}"),
    "uid": re.compile(r"\d+"),
    "gid": re.compile(r"\d+"),
    "nr_inodes": re.compile(r"\d+[kmgKMG]?"),
    "nr_blocks": re.compile(r"\d+[kmgKMG]?"),
    "mpol": re.compile(r"\S+"),
}
_RESTART = re.compile(r"(?P<name>no|always|unless-stopped|on-failure)(?::(?P<retries>\d{1,9}))?", re.ASCII)
_SIGNAL = re.compile(
    r"ABRT|ALRM|BUS|CHLD|CONT|FPE|HUP|ILL|INT|IO|KILL|PIPE|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP"
    r"|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ"
)
_REAL_TIME = re.compile(r"RTMIN(?:\+(?:[0-9]|1[0-5]))?|RTMAX(?:-(?:[0-9]|1[0-4]))?", re.ASCII)


def wrong(key: str, text: object, cause: str, hint: str) -> SettingRefused:
    """The error for what is written under a setting; `hint` has the form that it has in a settings file."""
    return SettingRefused(key, text, cause=cause, hint=hint)


def parse_size(text: str, key: str) -> int:
    """Bytes of "512m", "1.5g" or "64 MiB", of which each unit is 1024 of the one before."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise wrong(key, text, "it is no size", f'write {key} = "512m", with b, k, m or g')
    power = " kmgtp".index(match["unit"].lower() or " ")
    return int(float(match["number"]) * 1024**power)


def parse_memory(text: str) -> int:
    """The bytes of a memory limit, 0 for none."""
    size = parse_size(text, "memory") if text else 0
    if text and size < LEAST_MEMORY:
        raise wrong("memory", text, "the engine takes no limit below 6m", 'write memory = "512m"')
    return size


def parse_duration(text: str, key: str) -> float:
    """Seconds of "5s", "1m30s" or "500ms"."""
    shown = text.strip()
    parts = _DURATION.findall(shown)
    if shown != "0" and (not parts or "".join(parts) != shown):
        raise wrong(
            key,
            text,
            "it is neither a number of seconds nor a duration",
            f'write {key} = "5s", "1m30s" or "500ms"',
        )
    pairs = (_DURATION_PART.fullmatch(part) for part in parts)
    return sum(float(pair[1]) * _SECONDS[pair[2]] for pair in pairs if pair is not None)


def parse_networks(texts: tuple[str, ...], aliases: tuple[str, ...]) -> tuple[NetworkAttachment, ...]:
    """Networks as `--network` has them: NAME, or name=NAME,alias=ALIAS,…; `aliases` hold in each of them."""
    found = tuple(_network(text) for text in texts)
    for name in aliases:
        _refuse_alias(name, name, "network_aliases")
    if aliases and not any(network.name != _BRIDGE for network in found):
        raise ConfigError(
            f"network_aliases '{aliases[0]}' cannot be used",
            cause="a container has aliases only in a network of its own name, and none is given",
            hint='add networks = ["NAME"], or --network NAME',
        )
    names = [network.name for network in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"networks '{name}' is there twice", hint="keep one of them")
    return tuple(
        network
        if network.name == _BRIDGE
        else NetworkAttachment(network.name, tuple(dict.fromkeys((*network.aliases, *aliases))))
        for network in found
    )


def _network(text: str) -> NetworkAttachment:
    hint = 'write networks = ["NAME"] or ["name=NAME,alias=ALIAS"]'
    fields = [part.strip().partition("=") for part in text.split(",")]
    if len(fields) == 1 and not fields[0][1]:
        fields = [("name", "=", text.strip())]
    for key, _, _ in fields:
        if key not in ("name", "alias"):
            raise wrong("networks", text, f"'{key}' is neither name nor alias", hint)
    names = [value for key, _, value in fields if key == "name"]
    aliases = tuple(value for key, _, value in fields if key == "alias")
    if len(names) != 1:
        raise wrong("networks", text, "it needs one name", hint)
    name = _BRIDGE if names[0] == "default" else names[0]
    if name in _NOT_BESIDE or name.startswith("container:"):
        raise wrong(
            "networks", text, f"in '{name}' a new revision cannot start beside the one that serves", hint
        )
    if not _NAME.fullmatch(name):
        raise wrong("networks", text, f"'{name}' is no name of a network", hint)
    for alias in aliases:
        _refuse_alias(alias, text, "networks")
    if aliases and name == _BRIDGE:
        raise wrong("networks", text, "Docker's own bridge has no aliases", hint)
    return NetworkAttachment(name, aliases)


def _refuse_alias(alias: str, text: str, key: str) -> None:
    if not _HOST_NAME.fullmatch(alias):
        raise wrong(key, text, f"'{alias}' is no host name", "an alias holds letters, digits, - and .")


def parse_tmpfs(text: str) -> tuple[str, str]:
    """Target and options of TARGET[:OPTIONS], as `--tmpfs` has them."""
    target, _, options = text.partition(":")
    hint = 'write tmpfs = ["/run"] or ["/run:size=64m,mode=1777"]'
    place = posixpath.normpath("/" + target.lstrip("/"))
    if not target.startswith("/") or place == "/":
        raise wrong("tmpfs", text, f"'{target}' is not an absolute path below / in the container", hint)
    for option in filter(None, options.split(",")):
        name, equals, value = option.partition("=")
        if not equals and _TMPFS_FLAG.fullmatch(name):
            continue
        form = _TMPFS_VALUES.get(name)
        if form is None or not form.fullmatch(value):
            raise wrong("tmpfs", text, f"'{option}' is no option of a tmpfs", hint)
    return place, options


def parse_restart(text: str) -> RestartPolicy:
    """The policy as `--restart` has it."""
    match = _RESTART.fullmatch(text or "no")
    if match is None or (match["retries"] and match["name"] != "on-failure"):
        raise wrong(
            "restart",
            text,
            "it is no restart policy",
            "write restart = no, always, unless-stopped, on-failure or on-failure:5",
        )
    return RestartPolicy(match["name"], int(match["retries"] or 0))


def parse_host(text: str) -> tuple[str, str]:
    """Name and address of NAME:ADDRESS or NAME=ADDRESS, as `--add-host` has them."""
    hint = 'write extra_hosts = ["NAME:192.168.1.5"] or ["NAME:host-gateway"]'
    match = re.fullmatch(r"([^:=]+)[:=](.+)", text.strip())
    if match is None or not _HOST_NAME.fullmatch(match[1]):
        raise wrong("extra_hosts", text, "expected NAME:ADDRESS", hint)
    address = match[2].removeprefix("[").removesuffix("]") if match[2].startswith("[") else match[2]
    if address != "host-gateway":
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise wrong("extra_hosts", text, f"'{address}' is no address", hint) from error
    return match[1], address


def parse_signal(text: str) -> str:
    """A signal as the engine has it: SIGINT for "SIGINT", "INT" or "int", the number for "2"."""
    name = text.upper().removeprefix("SIG")
    if not text or (text.isascii() and text.isdecimal() and 0 < int(text) < 65):
        return text
    if not _SIGNAL.fullmatch(name) and not _REAL_TIME.fullmatch(name):
        raise wrong("stop_signal", text, "it is no signal", 'write stop_signal = "SIGINT" or "SIGQUIT"')
    return f"SIG{name}"


def parse_user(text: str) -> str:
    """USER[:GROUP], names or numbers."""
    if text and not _USER.fullmatch(text):
        raise wrong("user", text, "expected USER or USER:GROUP", 'write user = "app" or "1000:1000"')
    return text


def parse_workdir(text: str) -> str:
    """An absolute path within the container."""
    if text and not text.startswith("/"):
        raise wrong("workdir", text, "it is no absolute path in the container", 'write workdir = "/code"')
    return text


def parse_cpus(number: float) -> float:
    """How many processors; 0 for no limit."""
    if number and number < 0.01:
        raise wrong("cpus", f"{number:g}", "the engine takes no limit below 0.01", "write cpus = 1.5")
    return number


def parse_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels, none of them devbox's own."""
    for name in labels:
        if not name.strip() or name.startswith(LABELS_OF_OURS):
            cause = f"those of {LABELS_OF_OURS}* are devbox's own" if name.strip() else "its name is empty"
            raise wrong("labels", name, cause, 'write com.example.team = "web" below [labels]')
    return dict(labels)
