"""What an image will show to the outside: where it is reached, and when it counts as ready."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from devbox.config import Config
from devbox.daemon.tools import Tools
from devbox.engine.values import ContainerFacts, ImageFacts
from devbox.model import Backend, PortMapping
from devbox.release.debugging import debugger_ports
from devbox.release.dial import ANSWER_BOUND
from devbox.release.ports import browser_url, names_port, publish, retarget
from devbox.release.probe import Readiness, backends, is_server, must_speak
from devbox.release.spec import as_run

_WARM_LEAST = 3.0
_WARM_TIMES = 4


def may_listen_nowhere(config: Config, facts: ImageFacts) -> bool:
    """True for a worker of a compose file: nothing says that it has a port, as it is with Compose itself."""
    command = (*facts.entrypoint, *facts.command)
    told = config.debug or config.health_path or is_server(command)
    return config.compose is not None and not told and not names_port(config.ports, facts.exposed, command)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of the images of one Config. `usual_boot` is how long what serves took to start, in seconds."""

    tools: Tools
    config: Config
    usual_boot: float = math.inf

    def ports(self, facts: ImageFacts) -> tuple[PortMapping, ...]:
        """The published mappings with the container ports that this very image serves on."""
        facts = as_run(facts, self.config)
        command = (*facts.entrypoint, *facts.command)
        if self.config.ports or self.config.swap == "recreate":
            own = publish(self.config.ports, facts.exposed, command)
        else:
            held = (mapping for mapping in self.tools.ports.mappings if mapping not in self._debugger)
            own = retarget(tuple(held), facts.exposed, command)
        return (*own, *self._debugger)

    @property
    def _debugger(self) -> tuple[PortMapping, ...]:
        return debugger_ports(self.config.debug_port) if self.config.debug else ()

    def readiness(self, facts: ImageFacts) -> Readiness:
        """When a container of the image is ready."""
        facts = as_run(facts, self.config)
        own = [port for port in self.ports(facts) if port not in self._debugger]
        command = (*facts.entrypoint, *facts.command)
        bound = self.config.health.timeout if self.config.health is not None else 0.0
        return Readiness(
            port=next((port.container_port for port in own if port.protocol == "tcp"), 0),
            health_path=self.config.health_path,
            healthcheck=facts.healthcheck,
            speak=must_speak(command),
            timeout=self.config.start_timeout,
            debugged=self.config.debug,
            health_timeout=bound or ANSWER_BOUND,
            guess=may_listen_nowhere(self.config, facts),
        )

    def warm_readiness(self, facts: ImageFacts) -> Readiness:
        """The same for a standby: one that takes much longer than what serves took will not get ready, and
        the cold start after it has all of its own time."""
        found = self.readiness(facts)
        return replace(found, timeout=min(found.timeout, max(_WARM_LEAST, _WARM_TIMES * self.usual_boot)))

    def backends(self, container: ContainerFacts, ports: tuple[PortMapping, ...]) -> dict[int, Backend]:
        """Where each port of the container can be dialled."""
        return backends(container, tuple(port.container_port for port in ports), self.tools.info)

    def url(self, ports: tuple[PortMapping, ...], container: ContainerFacts) -> str:
        """Where a browser finds it."""
        if self.config.swap == "rolling":
            return self.tools.ports.urls[0]
        first = ports[0]
        published = container.published.get(f"{first.container_port}/{first.protocol}", ())
        return browser_url(first, published[0].port if published else first.host_port)
