"""Which service of a compose file is developed, and which others it lives with. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devbox.errors import ConfigError, SeveralServices

_COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Choice:
    """The developed service, and the others by when they start."""

    service: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    jobs: tuple[str, ...]


def choose(
    services: Mapping[str, Any], wanted: str, file: str, *, beside_others: bool = False
) -> Choice | None:
    """What is developed of `services` as Compose resolves them; None where none of them is built and none
    was asked for.

    With `beside_others` the other built ones are developed elsewhere, so that neither they nor what needs
    them alone is started here. Raises ConfigError for one that cannot be developed, SeveralServices where
    several could be.
    """
    built = tuple(name for name, service in services.items() if service.get("build"))
    if wanted and wanted not in services:
        near = difflib.get_close_matches(wanted, services, n=1, cutoff=0.5)
        raise ConfigError(
            f"{file} has no service '{wanted}'",
            hint=f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(services) or 'none'}",
        )
    if wanted and wanted not in built:
        raise ConfigError(
            f"service '{wanted}' of {file} has no build",
            cause="devbox develops what it builds",
            hint=f"services with one: {', '.join(built) or 'none'}",
        )
    if not wanted and len(built) > 1:
        raise SeveralServices(
            f"{file} builds {len(built)} services: {', '.join(built)}",
            hint=f"name one: .:{built[0]} or, in the folder, :{built[0]}",
            services=built,
        )
    if not built:
        return None
    service = wanted or built[0]
    needing = _needing(services, service)
    developed = set(built) if beside_others else {service}
    waiting = developed.union(*(_needing(services, name) for name in developed))
    others = tuple(name for name in services if name not in developed)
    return Choice(
        service=service,
        before=tuple(name for name in others if name not in waiting),
        after=tuple(name for name in others if name in needing),
        jobs=tuple(name for name in others if _is_job(services, name)),
    )


def _needing(services: Mapping[str, Any], service: str) -> set[str]:
    """The services that depend on `service`, also by way of others."""
    found: set[str] = set()
    fresh = {service}
    while fresh:
        fresh = {
            name for name in services if name not in found and not fresh.isdisjoint(_needs(services, name))
        }
        found |= fresh
    return found


def _needs(services: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return services[name].get("depends_on") or {}


def _is_job(services: Mapping[str, Any], name: str) -> bool:
    return any((_needs(services, other).get(name) or {}).get("condition") == _COMPLETED for other in services)
