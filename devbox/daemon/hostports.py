"""The project's published ports as the daemon holds them: routes of the gate, opened, pointed and drained."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from devbox.daemon.portowner import name_owner
from devbox.engine.protocol import Engine
from devbox.errors import PortTaken
from devbox.gate import client as gates
from devbox.model import Backend, PortMapping
from devbox.release.ports import browser_url

_DRAIN_QUIET = 0.3
_DRAIN_BOUND = 5.0


class HostPorts:
    """The gate of one project. After `arrange` its ports are bound, and stay so across every swap.

    Raises PortTaken naming the owner, UsageError for a port that may not be bound, GateError.
    """

    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine = engine
        self._socket = directory / "gate.sock"
        self._log = directory / "gate.log"
        self._gate: gates.GateClient | None = None
        self._held = asyncio.Event()
        self._mappings: dict[str, PortMapping] = {}
        self._bound: dict[str, int] = {}
        self._targets: dict[str, Backend] = {}
        self._backends: dict[int, Backend] = {}
        self._outgoing: set[str] = set()
        self._message = ""

    @property
    def urls(self) -> tuple[str, ...]:
        """The URL of each TCP port, the application's first; known once `arrange` returned."""
        return tuple(browser_url(mapping, self._bound[name]) for name, mapping in self._mappings.items())

    async def arrange(self, mappings: tuple[PortMapping, ...]) -> tuple[Backend, ...]:
        """Binds these ports, keeping those that are bound already, also by a gate that a killed daemon left.

        A new port leads to what serves now; one that is no longer wanted does so too, until the next flip.
        Returns where the gate's routes point.
        """
        wanted = _named(mappings)
        gate = await self._client()
        routes = {route.name: route for route in (await gate.hello()).routes}
        bound = {}
        for name, mapping in wanted.items():
            known = routes.get(name)
            bound[name] = known.port if known else await self._listen(gate, name, mapping)
        self._outgoing = routes.keys() - wanted.keys()
        self._mappings, self._bound = wanted, bound
        fresh = {
            name: self._backends[mapping.container_port]
            for name, mapping in wanted.items()
            if name not in routes and mapping.container_port in self._backends
        }
        self._targets = {name: target for name, target in self._targets.items() if name in wanted} | fresh
        if fresh:
            await gate.point(fresh)
        return tuple(route.backend for route in routes.values() if route.backend)

    async def flip(self, backends: Mapping[int, Backend]) -> None:
        """Sends every new connection to these backends (container port -> address) from now on."""
        targets = {
            name: backends[mapping.container_port]
            for name, mapping in self._mappings.items()
            if mapping.container_port in backends
        }
        self._backends = dict(backends)
        self._targets, self._message = targets, ""
        await self._point(targets)
        gate = await self._client()
        while self._outgoing:
            await gate.unlisten(self._outgoing.pop())

    async def refuse(self, message: str) -> None:
        """Answers clients with `message` until the next flip, instead of holding them."""
        if self._mappings and message != self._message:
            await (await self._client()).refuse(message)
            self._message = message

    async def disconnect(self) -> None:
        """Points nowhere, so that clients are held or told instead of sent to a container that ended."""
        self._targets = {}
        if self._mappings:
            await self._point({})

    def retarget(self, mappings: tuple[PortMapping, ...]) -> None:
        """Takes new container ports for the same host ports, before a flip."""
        # By name: the settings may have changed since the round that asks for this began.
        named = _named(mappings)
        self._mappings = {name: named.get(name, mapping) for name, mapping in self._mappings.items()}

    @property
    def mappings(self) -> tuple[PortMapping, ...]:
        return tuple(self._mappings.values())

    async def drain(self, backends: tuple[Backend, ...]) -> None:
        """Returns once the connections to backends of the past are over or idle, after 5 s at most."""
        if self._mappings:
            gate = await self._client()
            # Not closed here: the application, told to stop, ends each connection between two answers.
            await gate.drain(backends, quiet=_DRAIN_QUIET, bound=_DRAIN_BOUND)

    async def lost(self) -> None:
        """Returns once the gate has died; never while no ports are held."""
        await self._held.wait()
        if self._gate is not None:
            await self._gate.lost()

    async def mend(self) -> None:
        """Starts the gate again after it died, with its ports and targets."""
        if self._gate is not None:
            await self._gate.close()
            self._gate = None
        await self.arrange(self.mappings)
        if self._message:
            await (await self._client()).refuse(self._message)
        if self._targets:
            await self._point(self._targets)

    async def stop(self) -> None:
        """Ends the gate: the ports are free afterwards."""
        await self.close()
        self._mappings, self._bound, self._targets, self._backends = {}, {}, {}, {}
        await gates.end(self._socket)

    async def close(self) -> None:
        """Lets go of the gate, which goes on forwarding."""
        if self._gate is not None:
            await self._gate.close()
            self._gate = None
        self._held.clear()

    async def _point(self, targets: Mapping[str, Backend]) -> None:
        gate = await self._client()
        await gate.point({name: targets.get(name) for name in self._mappings})

    async def _listen(self, gate: gates.GateClient, name: str, mapping: PortMapping) -> int:
        try:
            # A port that was bound to any free number keeps that number.
            return await gate.listen(name, mapping.host_ip, self._bound.get(name, mapping.host_port))
        except PortTaken as error:
            raise await name_owner(self._engine, mapping) from error

    async def _client(self) -> gates.GateClient:
        if self._gate is None:
            self._gate = await gates.start(self._socket, self._log)
            self._held.set()
        return self._gate


def _named(mappings: tuple[PortMapping, ...]) -> dict[str, PortMapping]:
    """A route's name for each mapping, the same one whatever else is published beside it."""
    named: dict[str, PortMapping] = {}
    for mapping in mappings:
        name = f"{mapping.host_ip}:{mapping.host_port}"
        while name in named:
            # Several of "any free port".
            name += "+"
        named[name] = mapping
    return named
