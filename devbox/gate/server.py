"""The control socket: requests in, answers out, each as one line of JSON."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from pathlib import Path
from typing import cast

from devbox.gate import wire
from devbox.gate.routes import RouteError, Routes

GOODBYE_SECONDS = 1.0
_LOCAL_PEERCRED = 0x001
_XUCRED_BYTES = 76


class Control:
    """Carries out what comes over the control socket until somebody says `stop`, or `stop` is called."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._stopped = asyncio.Event()
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._servers: list[asyncio.AbstractServer] = []

    def stop(self) -> None:
        """Let `serve` return."""
        self._stopped.set()

    async def serve(self, listener: socket.socket) -> None:
        """Answer everyone who connects to `listener` and is this user, until stopped."""
        await self.listen(listener)
        await self._stopped.wait()
        for server in self._servers:
            server.close()
        for writer in self._clients.values():
            writer.close()
        if self._clients:
            await asyncio.wait(self._clients, timeout=GOODBYE_SECONDS)

    async def listen(self, listener: socket.socket) -> None:
        """Answer those who connect to this one, too."""
        server = await asyncio.start_unix_server(self._attend, sock=listener, limit=wire.LINE_BYTES)
        self._servers.append(server)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        drains: set[asyncio.Task[None]] = set()
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._clients[task] = writer
        task.add_done_callback(self._clients.pop)
        try:
            if peer_uid(writer.get_extra_info("socket")) not in (os.geteuid(), 0):
                return
            while line := await reader.readline():
                await self._handle(line, writer, drains)
        except (OSError, ValueError):
            # The client vanished, or sent a line beyond LINE_BYTES, of which nobody knows where it ends.
            pass
        finally:
            for drain in drains:
                drain.cancel()
            writer.close()

    async def _handle(
        self, line: bytes, writer: asyncio.StreamWriter, drains: set[asyncio.Task[None]]
    ) -> None:
        try:
            number, request = wire.decode_request(line)
        except wire.WireError as error:
            self._say(writer, -1, wire.Failure("request", str(error)))
        else:
            if isinstance(request, wire.Drain):
                task = asyncio.create_task(self._drain(number, request, writer))
                drains.add(task)
                task.add_done_callback(drains.discard)
            else:
                self._say(writer, number, self._carry_out(request))
        await writer.drain()

    async def _drain(self, number: int, request: wire.Drain, writer: asyncio.StreamWriter) -> None:
        self._say(writer, number, await self._routes.drain(request))

    def _carry_out(self, request: wire.Request) -> wire.Answer | wire.Failure:
        try:
            match request:
                case wire.Hello():
                    return self._routes.state()
                case wire.Listen(name, host, port, hold):
                    return wire.Listening(self._routes.listen(name, host, port, hold))
                case wire.Unlisten(name):
                    self._routes.unlisten(name)
                case wire.Point(backends):
                    self._routes.point(backends)
                case wire.Refuse(message):
                    self._routes.refuse(message)
                case _:
                    self.stop()
        except OSError as error:
            return wire.Failure(
                errno.errorcode.get(error.errno or 0, "OSError"), error.strerror or str(error)
            )
        except RouteError as error:
            return wire.Failure(error.code, str(error))
        except ValueError as error:
            return wire.Failure("address", str(error))
        return wire.Done()

    def _say(self, writer: asyncio.StreamWriter, number: int, reply: wire.Answer | wire.Failure) -> None:
        if not writer.is_closing():
            writer.write(wire.encode_reply(number, reply))


def open_control(path: Path) -> socket.socket:
    """Listen at `path`, which nothing but this process may use, with a socket file only its user can open."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen()
    listener.setblocking(False)
    return listener


def close_control(path: Path) -> None:
    """Take the socket file at `path` away, so that nobody finds a gate there any more."""
    path.unlink(missing_ok=True)


def peer_uid(sock: socket.socket) -> int:
    """The user id of the process at the other end of a unix socket."""
    if sys.platform == "darwin":
        # struct xucred of <sys/ucred.h>: u_int version, uid_t uid, …
        return int(struct.unpack_from("=II", sock.getsockopt(0, _LOCAL_PEERCRED, _XUCRED_BYTES))[1])
    # struct ucred of unix(7): pid_t pid, uid_t uid, gid_t gid
    size = struct.calcsize("=iII")
    return int(struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1])
