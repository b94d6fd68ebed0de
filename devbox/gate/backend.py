"""The backend's side of a connection: the dial, and the bytes that come back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import Protocol, cast

from devbox.model import Backend

HIGH_WATER_BYTES = 64 << 10
UNREAD_BYTES = 1 << 20
FLUSH_SECONDS = 2.0
KEEPALIVE_IDLE_SECONDS = 30
KEEPALIVE_INTERVAL_SECONDS = 10


class Peer(Protocol):
    """The connection that a link serves."""

    def joined(self, link: BackendLink) -> None:
        """`link` has connected."""

    def dial_failed(self, link: BackendLink) -> None:
        """`link` has not connected, and never will."""

    def from_backend(self, data: bytes) -> None:
        """The backend has sent `data`."""

    def backend_ended(self) -> bool:
        """The backend sends nothing more; whether it may still be sent something."""

    def backend_lost(self) -> None:
        """The connection to the backend is over."""

    def pause_client(self) -> None:
        """The backend takes no more for now."""

    def resume_client(self) -> None:
        """The backend takes more again."""


class BackendLink(asyncio.Protocol):
    """One attempt to reach `backend` for one connection and, once that took it, the way to it.

    A released link never touches its connection again.
    """

    __slots__ = ("_peer", "_task", "_transport", "answered", "backend", "eof", "full")

    def __init__(self, peer: Peer, backend: Backend) -> None:
        self.backend = backend
        self.answered = False
        self.eof = False
        self.full = False
        self._peer: Peer | None = peer
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def dial(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect; the peer hears of it through `joined` or `dial_failed`."""
        self._task = loop.create_task(self._dial(loop))

    async def _dial(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            await loop.create_connection(lambda: self, self.backend.host, self.backend.port)
        except (OSError, ValueError, RuntimeError):
            # ValueError: a host name that cannot be encoded; RuntimeError: uvloop's word for a transport that
            # was closed before it was handed over.
            if self._peer is not None:
                self._peer.dial_failed(self)

    def write(self, data: bytes) -> None:
        """Send `data` after what was sent before."""
        if self._transport is not None:
            self._transport.write(data)

    def write_eof(self) -> None:
        """Tell the backend that nothing more comes, after what was sent before."""
        if self._transport is not None:
            send_eof(self._transport)

    def pause_reading(self) -> None:
        """Leave what the backend sends in the kernel's buffers."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if self._transport is not None and not self.eof:
            self._transport.resume_reading()

    def release(self) -> None:
        """Close after a flush of at most FLUSH_SECONDS."""
        self._peer = None
        transport = self._transport
        if transport is None:
            if self._task is not None:
                self._task.cancel()
            return
        transport.close()
        if transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, transport.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = link = cast("asyncio.Transport", transport)
        if self._peer is None:
            link.abort()
        elif link.get_extra_info("sockname") == link.get_extra_info("peername"):
            # A dial to a free port of the ephemeral range can meet itself. Closed with a reset: a socket left
            # in TIME_WAIT would keep the backend from that port for a minute.
            reset = struct.pack("ii", 1, 0)
            link.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            link.abort()
            self._peer.dial_failed(self)
        else:
            link.set_write_buffer_limits(HIGH_WATER_BYTES)
            keep_alive(link.get_extra_info("socket"))
            self._peer.joined(self)

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self.answered = True
            self._peer.from_backend(data)

    def eof_received(self) -> bool:
        self.eof = True
        return self._peer is not None and self._peer.backend_ended()

    def connection_lost(self, exc: Exception | None) -> None:
        peer = self._peer
        if peer is None or self._transport is None:
            return
        if exc is not None and not self.eof and (rest := _unread(self._transport)):
            # It answered and left without reading all that was sent; the loop gave up at the failed write.
            self.data_received(rest)
        peer.backend_lost()

    def pause_writing(self) -> None:
        self.full = True
        if self._peer is not None:
            self._peer.pause_client()

    def resume_writing(self) -> None:
        self.full = False
        if self._peer is not None:
            self._peer.resume_client()


def _unread(transport: asyncio.Transport) -> bytes:
    """What the kernel still has for a lost transport; its socket is open until `connection_lost` returns."""
    descriptor = transport.get_extra_info("socket").fileno()
    rest = bytearray()
    with contextlib.suppress(OSError):
        while len(rest) < UNREAD_BYTES and (data := os.read(descriptor, UNREAD_BYTES)):
            rest += data
    return bytes(rest)


def send_eof(transport: asyncio.WriteTransport) -> None:
    """End this direction after what was written before; a peer that is already gone is no error."""
    if not transport.is_closing():
        with contextlib.suppress(OSError):
            transport.write_eof()


def keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice, within about a minute, a peer that vanished without a word."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, seconds in (
            ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
            ("TCP_KEEPALIVE", KEEPALIVE_IDLE_SECONDS),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
