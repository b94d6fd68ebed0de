"""How a setting is written where somebody wrote it: as a flag, or as a key of a compose file. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from devbox.errors import SettingRefused

ON_THE_COMMAND_LINE = frozenset({"flag", "the command line"})


@dataclass(frozen=True, slots=True)
class _Form:
    flag: str
    by_flag: str
    key: str = ""
    by_key: str = ""


_HEALTH = "5s, 1m30s or 500ms"
_FORMS = {
    "memory": _Form("-m", "-m 512m, with b, k, m or g", "mem_limit", "mem_limit: 512m, with b, k, m or g"),
    "cpus": _Form("--cpus", "--cpus 1.5", "cpus", "cpus: 1.5"),
    "networks": _Form(
        "--network", "--network NAME or --network name=NAME,alias=ALIAS", "networks", "networks: [NAME]"
    ),
    "network_aliases": _Form("--network-alias", "--network-alias NAME, with letters, digits, - and ."),
    "tmpfs": _Form(
        "--tmpfs", "--tmpfs /run or --tmpfs /run:size=64m,mode=1777", "tmpfs", "tmpfs: [/run:size=64m]"
    ),
    "restart": _Form(
        "--restart",
        "--restart no, always, unless-stopped, on-failure or on-failure:5",
        "restart",
        'restart: "no", always, unless-stopped, on-failure or on-failure:5',
    ),
    "extra_hosts": _Form(
        "--add-host",
        "--add-host NAME:192.168.1.5 or --add-host NAME:host-gateway",
        "extra_hosts",
        'extra_hosts: ["NAME:192.168.1.5"] or ["NAME:host-gateway"]',
    ),
    "stop_signal": _Form(
        "--stop-signal",
        "--stop-signal SIGINT or --stop-signal SIGQUIT",
        "stop_signal",
        "stop_signal: SIGINT or SIGQUIT",
    ),
    "user": _Form("-u", "-u app or -u 1000:1000", "user", 'user: app or "1000:1000"'),
    "workdir": _Form("-w", "-w /code", "working_dir", "working_dir: /code"),
    "labels": _Form("-l", "-l com.example.team=web", "labels", "labels: {com.example.team: web}"),
    "health_interval": _Form(
        "--health-interval", f"--health-interval {_HEALTH}", "healthcheck.interval", f"interval: {_HEALTH}"
    ),
    "health_timeout": _Form(
        "--health-timeout", f"--health-timeout {_HEALTH}", "healthcheck.timeout", f"timeout: {_HEALTH}"
    ),
    "health_start_period": _Form(
        "--health-start-period",
        f"--health-start-period {_HEALTH}",
        "healthcheck.start_period",
        f"start_period: {_HEALTH}",
    ),
}


def as_spelled(error: SettingRefused, origin: str, service: str = "") -> SettingRefused:
    """The error in the words of whoever wrote the setting: by the flag where `origin` is the command line, by
    the key of the compose file `origin` where `service` is one of it; else as it is."""
    form = _FORMS.get(error.setting)
    if form is None or not (origin in ON_THE_COMMAND_LINE or (service and form.key)):
        return error
    if origin in ON_THE_COMMAND_LINE:
        name, hint = form.flag, form.by_flag
    else:
        name, hint = f"{origin}: services.{service}.{form.key}", form.by_key
    return SettingRefused(error.setting, error.text, name=name, cause=error.cause, hint=f"write {hint}")
