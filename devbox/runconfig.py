"""The settings of the container itself, as far as `docker run` has them too: written, and resolved."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from devbox.errors import ConfigError
from devbox.model import BeforeStart, HealthCheck, NetworkAttachment, RestartPolicy
from devbox.notation_command import health_check, parse_before_start, parse_command
from devbox.notation_run import (
    parse_cpus,
    parse_duration,
    parse_host,
    parse_labels,
    parse_memory,
    parse_networks,
    parse_restart,
    parse_signal,
    parse_tmpfs,
    parse_user,
    parse_workdir,
)

DURATIONS = frozenset(
    {
        "start_timeout",
        "stop_grace",
        "before_start_timeout",
        "health_interval",
        "health_timeout",
        "health_start_period",
    }
)
"""Settings in seconds; as a text they are durations like "1m30s"."""
LONGEST = 86_400.0
"""The most of them, a day: far beyond that neither the engine nor a clock can count."""
_TEXTS = frozenset({"memory", "user", "stop_signal"})


class RunSettings(BaseModel):
    """What may be written about the container; every field has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    networks: tuple[str, ...] = Field((), description="networks, as for docker run --network")
    network_aliases: tuple[str, ...] = Field((), description="names by which others in the networks find it")
    tmpfs: tuple[str, ...] = Field((), description="file systems in memory, as for docker run --tmpfs")
    memory: str = Field("", description="limit of memory: 512m, 1g")
    cpus: float = Field(0.0, ge=0, description="limit of processors: 1.5")
    restart: str = Field("no", description="when Docker starts an ended application again")
    user: str = Field("", description="user and group of the application; the image's own unless set")
    workdir: str = Field("", description="working directory; the image's own unless set")
    entrypoint: Any = Field("", description="program in the place of the image's ENTRYPOINT")
    command: Any = Field("", description="command in the place of the image's CMD")
    workers: int = Field(0, ge=0, description="worker processes of the server, as WEB_CONCURRENCY")
    health_cmd: Any = Field("", description="health check in the place of the image's HEALTHCHECK")
    health_interval: float = Field(0.0, ge=0, le=LONGEST, description="seconds between two health checks")
    health_timeout: float = Field(0.0, ge=0, le=LONGEST, description="seconds a health check may take")
    health_start_period: float = Field(
        0.0, ge=0, le=LONGEST, description="seconds in which failures do not count"
    )
    health_retries: int = Field(0, ge=0, description="failures in a row that make it unhealthy")
    no_healthcheck: bool = Field(False, description="leave the image's HEALTHCHECK out")
    extra_hosts: tuple[str, ...] = Field((), description="further lines of /etc/hosts, as for --add-host")
    stop_signal: str = Field("", description="signal that asks the application to stop")
    labels: dict[str, str] = Field(default_factory=dict, description="further labels of the container")
    before_start: tuple[Any, ...] = Field(
        (), description="commands that must succeed in the new image before a revision starts"
    )
    before_start_timeout: float = Field(300.0, gt=0, le=LONGEST, description="seconds each of them may take")


class RunConfig(BaseModel):
    """The same, resolved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[NetworkAttachment, ...]
    tmpfs: dict[str, str]
    memory: int
    cpus: float
    restart: RestartPolicy
    user: str
    workdir: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    workers: int
    health: HealthCheck | None
    extra_hosts: tuple[str, ...]
    stop_signal: str
    labels: dict[str, str]
    before_start: tuple[BeforeStart, ...]
    before_start_timeout: float


def as_written(name: str, value: Any) -> Any:
    """TOML's own types in the shapes that RunSettings is strict about; raises ConfigError for a text that is
    no duration."""
    if name in DURATIONS and isinstance(value, str):
        return parse_duration(value, name)
    if name in _TEXTS and type(value) is int:
        return str(value)
    return value


def resolve_run(settings: RunSettings) -> dict[str, Any]:
    """The fields of RunConfig; raises ConfigError naming the setting and the right form."""
    return {
        "networks": parse_networks(settings.networks, settings.network_aliases),
        "tmpfs": _tmpfs(settings.tmpfs),
        "memory": parse_memory(settings.memory),
        "cpus": parse_cpus(settings.cpus),
        "restart": parse_restart(settings.restart),
        "user": parse_user(settings.user),
        "workdir": parse_workdir(settings.workdir),
        "entrypoint": parse_command(settings.entrypoint, "entrypoint"),
        "command": parse_command(settings.command, "command"),
        "workers": settings.workers,
        "health": health_check(
            settings.health_cmd,
            settings.health_interval,
            settings.health_timeout,
            settings.health_start_period,
            settings.health_retries,
            none=settings.no_healthcheck,
        ),
        "extra_hosts": tuple(parse_host(text) for text in settings.extra_hosts),
        "stop_signal": parse_signal(settings.stop_signal),
        "labels": parse_labels(settings.labels),
        "before_start": tuple(
            parse_before_start(entry, number) for number, entry in enumerate(settings.before_start, 1)
        ),
        "before_start_timeout": settings.before_start_timeout,
    }


def _tmpfs(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for target, options in (parse_tmpfs(text) for text in texts):
        if target in found:
            raise ConfigError(f"tmpfs '{target}' is there twice", hint="keep one of them")
        found[target] = options
    return found
