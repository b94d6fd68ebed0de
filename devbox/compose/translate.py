"""A service of a resolved compose project in devbox's own settings. Pure.

After the Compose Specification (https://github.com/compose-spec/compose-spec).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devbox.compose.values import Named, Sync, Trigger
from devbox.errors import ConfigError
from devbox.notation_run import parse_duration

# What is dealt with elsewhere: what the other services are, and what Compose has resolved already.
_ELSEWHERE = {"profiles", "env_file"}
_BUILD_ELSEWHERE = {"context", "dockerfile", "args", "target", "secrets", "network"}
# Compose restarts a service by hand where devbox starts each revision anew anyway; and nothing is to do for
# `initial_sync`: what an image brings is there from the start.
_SYNCS = {"sync", "sync+restart", "sync+exec"}
_REBUILDS = {"rebuild", "restart"}
_PLAIN_DRIVERS = {"bridge", "local"}


@dataclass(slots=True)
class Translation:
    """Fields of Settings, what of the service has no such field, and its `develop.watch`."""

    settings: dict[str, Any] = field(default_factory=dict)
    unsupported: list[str] = field(default_factory=list)
    networks: tuple[Named, ...] = ()
    volumes: tuple[Named, ...] = ()
    syncs: tuple[Sync, ...] = ()
    triggers: tuple[Trigger, ...] = ()


def translate(
    project: Mapping[str, Any],
    service: str,
    environ: Mapping[str, str],
    file: str,
    before: Collection[str] = (),
) -> Translation:
    """What `service` of the resolved `project` says, in settings; raises ConfigError where it is built from
    what devbox cannot build. Compose makes what services `before` it use, devbox all else."""
    return _Translator(project, service, environ, file, before).translate()


class _Translator:
    def __init__(
        self,
        project: Mapping[str, Any],
        service: str,
        environ: Mapping[str, str],
        file: str,
        before: Collection[str],
    ) -> None:
        self._project, self._service, self._environ, self._file = project, service, environ, file
        self._before = [project["services"][name] for name in before]
        self._done = Translation()

    def translate(self) -> Translation:
        takers: dict[str, Callable[[Any], None]] = {
            "build": self._build,
            "ports": self._ports,
            "volumes": self._volumes,
            "tmpfs": self._tmpfs,
            "environment": self._environment,
            "networks": self._networks,
            "entrypoint": self._as("entrypoint", tuple),
            "command": self._as("command", tuple),
            "user": self._as("user", str),
            "working_dir": self._as("workdir", str),
            "restart": self._as("restart", str),
            "mem_limit": self._as("memory", str),
            "cpus": self._as("cpus", float),
            "deploy": self._deploy,
            "healthcheck": self._health,
            "extra_hosts": self._hosts,
            "stop_signal": self._as("stop_signal", str),
            "stop_grace_period": self._as("stop_grace", lambda text: parse_duration(text, "stop_grace")),
            "labels": self._as("labels", dict),
            "develop": self._develop,
            "depends_on": self._needs,
        }
        written = self._project["services"][self._service]
        for key, value in written.items():
            if key in _ELSEWHERE or value in (None, "", [], {}):
                continue
            if key in takers:
                takers[key](value)
            else:
                self._leave(key)
        return self._done

    def _leave(self, key: str) -> None:
        self._done.unsupported.append(f"services.{self._service}.{key}")

    def _needs(self, services: Mapping[str, Any]) -> None:
        for name, how in services.items():
            if how.get("restart"):
                self._leave(f"depends_on.{name}.restart")

    def _as(self, name: str, kind: Callable[[Any], Any]) -> Callable[[Any], None]:
        def take(value: Any) -> None:
            self._done.settings[name] = kind(value)

        return take

    def _build(self, build: Mapping[str, Any]) -> None:
        context = str(build.get("context", ""))
        if build.get("dockerfile_inline") or not Path(context).is_dir():
            what = "its Dockerfile stands within it" if build.get("dockerfile_inline") else f"'{context}'"
            raise ConfigError(
                f"service '{self._service}' of {self._file} cannot be built",
                cause=f"{what}: devbox builds a folder with a Dockerfile in a file of its own",
            )
        settings = self._done.settings
        settings["context"] = context
        settings["dockerfile"] = str(Path(context) / (build.get("dockerfile") or "Dockerfile"))
        arguments = {
            name: str(given)
            for name, value in (build.get("args") or {}).items()
            if (given := self._environ.get(name) if value is None else value) is not None
        }
        for name, value in (
            ("build_args", arguments),
            ("target", build.get("target")),
            ("build_network", build.get("network")),
            ("secrets", self._secrets(build.get("secrets") or ())),
        ):
            if value:
                settings[name] = value
        for key, value in build.items():
            if key not in _BUILD_ELSEWHERE and value not in (None, "", [], {}, False):
                self._leave(f"build.{key}")

    def _secrets(self, asked: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for secret in asked:
            source = secret["source"]
            known = (self._project.get("secrets") or {}).get(source) or {}
            name = secret.get("target") or source
            if known.get("file"):
                found[name] = {"src": known["file"]}
            elif known.get("environment"):
                found[name] = {"env": known["environment"]}
            else:
                self._leave(f"build.secrets.{source}")
        return found

    def _ports(self, ports: Sequence[Mapping[str, Any]]) -> None:
        self._done.settings["ports"] = tuple(_port(port) for port in ports)

    def _volumes(self, volumes: Sequence[Mapping[str, Any]]) -> None:
        mounted, named = [], []
        for volume in volumes:
            kind, target = volume.get("type"), volume["target"]
            source, mode = volume.get("source", ""), ":ro" if volume.get("read_only") else ""
            if kind == "volume" and source:
                known = (self._project.get("volumes") or {}).get(source) or {}
                named.append(_named(source, known))
                if not any(source == other.get("source") for other in self._mounts_before()):
                    self._leave_making(f"volumes.{source}", known)
                mounted.append(f"{named[-1].name}:{target}{mode}")
            elif kind == "volume":
                mounted.append(target)
            elif kind == "bind":
                mounted.append(f"{source}:{target}{mode}")
            elif kind == "tmpfs":
                size = (volume.get("tmpfs") or {}).get("size")
                self._tmpfs([f"{target}:size={size}" if size else target])
                continue
            else:
                self._leave(f"volumes.{target} ({kind})")
                continue
            options = volume.get(kind) or {}
            for name, value in options.items():
                if value and name != "create_host_path":
                    self._leave(f"volumes.{target}.{name}")
        self._done.volumes = tuple(named)
        if mounted:
            self._done.settings["volumes"] = tuple(mounted)

    def _mounts_before(self) -> Iterator[Mapping[str, Any]]:
        for service in self._before:
            yield from service.get("volumes") or ()

    def _leave_making(self, key: str, known: Mapping[str, Any]) -> None:
        """Names how a network or a volume is to be made, which devbox makes in the plain way."""
        if known.get("external"):
            return
        for name, value in known.items():
            plain = name == "name" or (name == "driver" and value in _PLAIN_DRIVERS)
            if value and not plain:
                self._done.unsupported.append(f"{key}.{name}")

    def _tmpfs(self, targets: Sequence[str]) -> None:
        self._done.settings["tmpfs"] = (*self._done.settings.get("tmpfs", ()), *targets)

    def _environment(self, environment: Mapping[str, Any]) -> None:
        self._done.settings["environment"] = {
            name: str(value) for name, value in environment.items() if value is not None
        }

    def _networks(self, networks: Mapping[str, Any]) -> None:
        found, joined = [], []
        for key, options in networks.items():
            known = (self._project.get("networks") or {}).get(key) or {}
            network = _named(key, known)
            found.append(network)
            if not any(key in (other.get("networks") or {}) for other in self._before):
                self._leave_making(f"networks.{key}", known)
            names = (self._service, *((options or {}).get("aliases") or ()))
            joined.append(",".join((f"name={network.name}", *(f"alias={name}" for name in names))))
            for name, value in (options or {}).items():
                if value and name not in {"aliases", "priority"}:
                    self._leave(f"networks.{key}.{name}")
        self._done.networks = tuple(found)
        self._done.settings["networks"] = tuple(joined)

    def _deploy(self, deploy: Mapping[str, Any]) -> None:
        resources = deploy.get("resources") or {}
        limits = resources.get("limits") or {}
        if limits.get("memory"):
            self._done.settings["memory"] = str(limits["memory"])
        if limits.get("cpus"):
            self._done.settings["cpus"] = float(limits["cpus"])
        self._leave_rest("deploy", deploy, {"resources", "placement"})
        self._leave_rest("deploy.placement", deploy.get("placement") or {}, set())
        self._leave_rest("deploy.resources", resources, {"limits"})
        self._leave_rest("deploy.resources.limits", limits, {"memory", "cpus"})

    def _leave_rest(self, key: str, values: Mapping[str, Any], taken: set[str]) -> None:
        for name, value in values.items():
            if name not in taken and value not in (None, "", [], {}):
                self._leave(f"{key}.{name}")

    def _health(self, health: Mapping[str, Any]) -> None:
        test, settings = health.get("test") or [], self._done.settings
        if health.get("disable") or test[:1] == ["NONE"]:
            settings["no_healthcheck"] = True
            return
        if test:
            settings["health_cmd"] = test[1] if test[0] == "CMD-SHELL" else tuple(test[1:])
        for name in ("interval", "timeout", "start_period"):
            if health.get(name):
                settings[f"health_{name}"] = parse_duration(health[name], f"health_{name}")
        if health.get("retries"):
            settings["health_retries"] = int(health["retries"])
        self._leave_rest(
            "healthcheck", health, {"disable", "test", "interval", "timeout", "start_period", "retries"}
        )

    def _hosts(self, hosts: Any) -> None:
        pairs = hosts.items() if isinstance(hosts, dict) else (host.split("=", 1) for host in hosts)
        self._done.settings["extra_hosts"] = tuple(f"{name}={address}" for name, address in pairs)

    def _develop(self, develop: Mapping[str, Any]) -> None:
        syncs, triggers = [], []
        for entry in develop.get("watch") or ():
            action, path = entry["action"], entry["path"]
            if action in _SYNCS:
                syncs.append(Sync(path, entry.get("target", "")))
            elif action not in _REBUILDS:
                self._leave(f"develop.watch.{action}")
                continue
            if action == "sync+exec":
                self._leave("develop.watch.exec (a command for each revision goes into before_start)")
            patterns = (tuple(entry.get(name) or ()) for name in ("ignore", "include"))
            triggers.append(Trigger(path, *patterns))
        self._done.syncs, self._done.triggers = tuple(syncs), tuple(triggers)


def _named(key: str, known: Mapping[str, Any]) -> Named:
    return Named(key, known.get("name", key), bool(known.get("external")))


def _port(port: Mapping[str, Any]) -> str:
    """A published port in the notation of `docker run -p`; any free one where the file names none."""
    address = port.get("host_ip", "")
    where = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
    published = str(port.get("published") or "0").partition("-")[0]
    return f"{where}{published}:{port['target']}/{port.get('protocol', 'tcp')}"
