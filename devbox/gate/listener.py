"""The listening sockets: opening them, and accepting only while there are descriptors to serve with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Callable

from devbox.gate.backend import keep_alive

BACKLOG = 1024
ACCEPTS_A_TURN = 64
RETRY_SECONDS = 0.05
# macOS grants no more than the second, whatever its hard limit says.
MOST_DESCRIPTORS = (65536, 10240)
RESERVED_DESCRIPTORS = 32
DESCRIPTORS_A_CONNECTION = 2

_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def open_listener(host: str, port: int) -> socket.socket:
    """A non-blocking socket that listens on the IP address `host` and `port` (0: any free one).

    OSError, with its errno, where that address cannot be had; ValueError where `host` is no IP address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError) as error:
        raise ValueError(f"{host!r} is not an IP address") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit both.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(listener)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def raise_descriptor_limit() -> int:
    """Raise this process's limit of open files as far as it may, and return how many connections fit in."""
    soft, hard = (
        MOST_DESCRIPTORS[0] if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    for most in MOST_DESCRIPTORS:
        wanted = min(hard, most)
        if soft < wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(
                    resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
                )
                soft = wanted
    return max(1, (soft - RESERVED_DESCRIPTORS) // DESCRIPTORS_A_CONNECTION)


class Acceptor:
    """Accepts for every listener, at most `capacity` connections at a time; the clients beyond that wait in
    the kernel's queue, which neither refuses nor resets them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int) -> None:
        self._loop = loop
        self._room = capacity
        self._takers: dict[socket.socket, Callable[[socket.socket], None]] = {}
        self._resting: asyncio.TimerHandle | None = None
        self._full = False

    def add(self, listener: socket.socket, take: Callable[[socket.socket], None]) -> None:
        """Hand every client that `listener` gets to `take`, which owes one `released` for it."""
        self._takers[listener] = take
        if not self._full and self._resting is None:
            self._loop.add_reader(listener, self._accept, listener)

    def remove(self, listener: socket.socket) -> None:
        """Close `listener`."""
        del self._takers[listener]
        self._loop.remove_reader(listener)
        listener.close()

    def released(self) -> None:
        """One of the connections handed out is over."""
        self._room += 1
        if self._full:
            self._full = False
            self._resume()

    def _accept(self, listener: socket.socket) -> None:
        take = self._takers[listener]
        for _ in range(ACCEPTS_A_TURN):
            if not self._room:
                self._full = True
                self._pause()
                return
            try:
                client, _ = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Any other error belongs to one client that is gone again.
                if error.errno in _SHORTAGE:
                    self._rest()
                    return
                continue
            client.setblocking(False)
            self._room -= 1
            take(client)

    def _rest(self) -> None:
        self._pause()
        if self._resting is None:
            self._resting = self._loop.call_later(RETRY_SECONDS, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._resume()

    def _pause(self) -> None:
        for listener in self._takers:
            self._loop.remove_reader(listener)

    def _resume(self) -> None:
        if not self._full and self._resting is None:
            for listener in self._takers:
                self._loop.add_reader(listener, self._accept, listener)
