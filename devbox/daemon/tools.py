"""What every round of a session works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from devbox.build.filesync import Listings
from devbox.build.frontend import Frontends
from devbox.daemon.applog import LogFollowers
from devbox.daemon.hostports import HostPorts
from devbox.engine.protocol import Engine
from devbox.engine.values import EngineInfo
from devbox.events import Emit


@dataclass(frozen=True, slots=True)
class Tools:
    """The engine, the ports, and whom to tell."""

    engine: Engine
    info: EngineInfo
    frontends: Frontends
    ports: HostPorts
    logs: LogFollowers
    emit: Emit
    listings: Listings = field(default_factory=Listings)
