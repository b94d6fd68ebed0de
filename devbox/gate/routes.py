"""The routes: which port sends its clients to which backend, and the waits that end when connections do."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping

from devbox.gate import wire
from devbox.gate.forward import Connection
from devbox.gate.hold import Hold
from devbox.gate.listener import Acceptor, open_listener
from devbox.model import Backend

RETRY_SECONDS = 0.005
LONGEST_RETRY_SECONDS = 1.0
GOODBYE_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.05
NO_BACKEND = "devbox: no revision is serving"


class RouteError(Exception):
    """A request names a route that is not there, or one that is there already; `code` tells which."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Route:
    """One published port: its listener, the backend its clients go to, and the clients themselves."""

    def __init__(self, routes: Routes, name: str, listener: socket.socket, hold: float) -> None:
        self.name = name
        self.hold = hold
        self.backend: Backend | None = None
        self.accepted = 0
        self.connections: set[Connection] = set()
        self.retrying: set[Hold] = set()
        self.listener = listener
        address = listener.getsockname()
        self.host: str = address[0]
        self.port: int = address[1]
        self._routes = routes

    @property
    def refuses(self) -> bool:
        """Whether a client is answered at once, instead of held, while there is no backend."""
        return bool(self._routes.message)

    @property
    def excuse(self) -> str:
        """Why a client could not be served, in words for a person."""
        if self._routes.message:
            return self._routes.message
        if self.backend is None:
            return NO_BACKEND
        return f"devbox: nothing answers at {self.backend.host}:{self.backend.port}"

    def point(self, backend: Backend | None) -> None:
        """Send clients to `backend` from now on, held ones and those it makes no difference to included."""
        if backend == self.backend:
            return
        self.backend = backend
        for connection in tuple(self.connections):
            connection.rerouted()

    def retry_later(self, hold: Hold) -> float:
        """Seconds until `hold` may dial again: all held clients share one dial each RETRY_SECONDS."""
        self.retrying.add(hold)
        return min(RETRY_SECONDS * len(self.retrying), LONGEST_RETRY_SECONDS)

    def retries_no_more(self, hold: Hold) -> None:
        """`hold` does not wait to dial again any more."""
        self.retrying.discard(hold)

    def reached(self) -> None:
        """The backend answered a dial: those that wait to dial again need not wait."""
        for hold in tuple(self.retrying):
            hold.reconsider()

    def came(self, connection: Connection) -> None:
        """`connection` was accepted."""
        self.connections.add(connection)

    def moved(self) -> None:
        """A connection has left its backend."""
        self._routes.moved()

    def gone(self, connection: Connection) -> None:
        """`connection` is over."""
        self.connections.discard(connection)
        self._routes.released()

    def state(self) -> wire.RouteState:
        """How this route looks from outside."""
        return wire.RouteState(
            self.name, self.host, self.port, self.backend, len(self.connections), self.accepted
        )


class Routes:
    """Every route of this gate. All methods but `drain` and `close` act within one turn of the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int) -> None:
        self.message = ""
        self._loop = loop
        self._acceptor = Acceptor(loop, capacity)
        self._routes: dict[str, Route] = {}
        self._closed: set[Route] = set()
        self._adopting: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()

    def listen(self, name: str, host: str, port: int, hold: float) -> int:
        """Open the route `name` and return its port; the same request again returns it unchanged.

        RouteError "exists" where the name has another address; OSError and ValueError as `open_listener`.
        """
        route = self._routes.get(name)
        if route is not None:
            if route.host == host and port in (0, route.port):
                route.hold = hold
                return route.port
            raise RouteError("exists", f"route {name!r} is already on {route.host}:{route.port}")
        route = Route(self, name, open_listener(host, port), hold)
        self._routes[name] = route
        self._acceptor.add(route.listener, lambda client: self._adopt(route, client))
        return route.port

    def unlisten(self, name: str) -> None:
        """Close the route `name`: held clients are let go, served ones go on; RouteError "unknown"."""
        route = self._find(name)
        del self._routes[name]
        self._acceptor.remove(route.listener)
        if route.connections:
            self._closed.add(route)
        for connection in tuple(route.connections):
            if connection.backend is None:
                connection.end()
            else:
                connection.stay()

    def point(self, backends: Mapping[str, Backend | None]) -> None:
        """Give all named routes their backends in one step; RouteError "unknown", and nothing changed, where
        one of them is not there."""
        routes = {self._find(name): backend for name, backend in backends.items()}
        if any(backends.values()):
            self.message = ""
        for route, backend in routes.items():
            route.point(backend)

    def refuse(self, message: str) -> None:
        """Answer clients with `message` instead of holding them while a route has no backend; '' to hold."""
        self.message = message
        for route in self._routes.values():
            for connection in tuple(route.connections):
                if route.backend is None:
                    connection.reconsider()

    async def drain(self, request: wire.Drain) -> wire.Drained:
        """Wait as `wire.Drain` says."""
        backends = frozenset(request.backends)
        began = self._loop.time()
        deadline = began + request.bound
        while (now := self._loop.time()) < deadline:
            wait = max((c.quiet_at(request.quiet) - now for c in self._served(backends)), default=0.0)
            if wait <= 0:
                break
            await self._something_moves(min(wait, LOOK_AGAIN_SECONDS, deadline - now))
        remaining = tuple(self._served(backends))
        if request.close:
            for connection in remaining:
                connection.end()
        return wire.Drained(len(remaining), self._loop.time() - began)

    def state(self) -> wire.State:
        """How this gate looks from outside."""
        routes = tuple(route.state() for route in self._routes.values())
        return wire.State(wire.VERSION, os.getpid(), routes, self.message)

    def released(self) -> None:
        """One accepted client is over."""
        self._closed = {route for route in self._closed if route.connections}
        self._acceptor.released()
        self.moved()

    def moved(self) -> None:
        """Some connection has left its backend."""
        self._moved.set()
        self._moved.clear()

    async def close(self) -> None:
        """Close every listener and every connection, flushed as far as GOODBYE_SECONDS allow."""
        for name in tuple(self._routes):
            self.unlisten(name)
        for connection in tuple(self._connections()):
            connection.end()
        deadline = self._loop.time() + GOODBYE_SECONDS
        while any(self._connections()) and (left := deadline - self._loop.time()) > 0:
            await self._something_moves(left)

    def _adopt(self, route: Route, client: socket.socket) -> None:
        route.accepted += 1
        task = self._loop.create_task(self._connect(route, client))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    async def _connect(self, route: Route, client: socket.socket) -> None:
        connection = Connection(route, self._loop)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client)
        except OSError:
            client.close()
            if connection not in route.connections:
                self.released()

    async def _something_moves(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            pass

    def _connections(self) -> Iterator[Connection]:
        for route in (*self._routes.values(), *self._closed):
            yield from route.connections

    def _served(self, backends: frozenset[Backend]) -> Iterator[Connection]:
        return (connection for connection in self._connections() if connection.backend in backends)

    def _find(self, name: str) -> Route:
        try:
            return self._routes[name]
        except KeyError:
            raise RouteError("unknown", f"there is no route {name!r}") from None
