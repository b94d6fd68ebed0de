"""The daemon's end of the control socket: find the gate of a path or start one, and tell it what to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from devbox.errors import GateError, PortTaken, UsageError
from devbox.gate import launch, lock, wire
from devbox.model import Backend

ANSWER_SECONDS = 5.0

_RESTART = "`devbox down` ends the gate, `devbox up` starts a new one"

T = TypeVar("T")


class GateClient:
    """One control connection to a running gate. Every method may raise GateError: the gate refused, does not
    answer within its bound, or is gone. Methods may run at the same time."""

    def __init__(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.path = path
        self.pid = 0
        self._writer = writer
        self._numbers = 0
        self._waiting: dict[int, asyncio.Future[wire.Fields | wire.Failure]] = {}
        self._reading = asyncio.create_task(self._read(reader))

    async def hello(self) -> wire.State:
        """What the gate says of itself and its routes."""
        return wire.read_state(await self._ask(wire.Hello()))

    async def listen(self, name: str, host: str, port: int, *, hold: float = wire.HOLD_SECONDS) -> int:
        """Open the route `name` on the IP address `host` and `port` (0: any free one) and return the port.

        The same request again returns the port it has; `hold` is in seconds. PortTaken where somebody else
        listens there; UsageError where this user may not, or this machine has no such address.
        """
        answer = await self._request(wire.Listen(name, host, port, hold))
        if isinstance(answer, wire.Failure):
            raise _listen_error(f"{_bracketed(host)}:{port}", answer)
        return self._understood(wire.read_listening, answer).port

    async def unlisten(self, name: str) -> None:
        """Close the route `name`; what a backend serves already goes on."""
        await self._ask(wire.Unlisten(name))

    async def point(self, backends: Mapping[str, Backend | None]) -> None:
        """Flip: from now on the named routes' clients go to these backends, in one step (None: nowhere)."""
        await self._ask(wire.Point(dict(backends)))

    async def refuse(self, message: str) -> None:
        """While a route has no backend, answer its clients with `message` instead of holding them; '' to hold
        again. Pointing a route at a backend forgets the message."""
        await self._ask(wire.Refuse(message))

    async def drain(
        self, backends: Iterable[Backend], *, quiet: float, bound: float, close: bool = False
    ) -> wire.Drained:
        """Wait until `backends` owe no HTTP/1 request an answer, and other connections to them are gone, or
        silent both ways for `quiet` seconds, at most `bound` seconds; with `close`, what remains is closed
        after a flush. A client that still waits for the first byte of its first answer is not silent."""
        request = wire.Drain(tuple(backends), quiet, bound, close)
        answer = await self._ask(request, bound)
        return self._understood(wire.read_drained, answer)

    async def stop(self) -> None:
        """End the gate; its ports are free afterwards."""
        await self._ask(wire.Stop())
        await self.close()
        await launch.ended(self.path)

    async def lost(self) -> None:
        """Return when this connection is over, whoever ended it."""
        await asyncio.wait([self._reading])

    async def close(self) -> None:
        """End this connection; the gate goes on."""
        self._reading.cancel()
        await asyncio.wait([self._reading])
        self._writer.close()

    async def _ask(self, request: wire.Request, work_seconds: float = 0.0) -> wire.Fields:
        answer = await self._request(request, work_seconds)
        if isinstance(answer, wire.Failure):
            raise GateError("the gate refused a request", cause=answer.text, hint=_RESTART)
        return answer

    async def _request(self, request: wire.Request, work_seconds: float = 0.0) -> wire.Fields | wire.Failure:
        if self._reading.done():
            raise self._gone()
        self._numbers += 1
        number = self._numbers
        answer: asyncio.Future[wire.Fields | wire.Failure] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        seconds = work_seconds + ANSWER_SECONDS
        try:
            self._writer.write(wire.encode_request(number, request))
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError as error:
            cause = f"no answer within {seconds:g} s"
            raise GateError(
                f"the gate (pid {self.pid}) does not answer", cause=cause, hint=_RESTART
            ) from error
        finally:
            del self._waiting[number]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                number, answer = wire.decode_reply(line)
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (OSError, ValueError):
            # A gate that cannot be understood is as good as gone.
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(self._gone())

    def _understood(self, read: Callable[[wire.Fields], T], answer: wire.Fields) -> T:
        try:
            return read(answer)
        except wire.WireError as error:
            raise GateError("the gate's answer makes no sense", cause=str(error), hint=_RESTART) from error

    def _gone(self) -> GateError:
        return GateError(
            f"the gate (pid {self.pid}) is gone", cause=f"no connection at {self.path}", hint=_RESTART
        )


async def connect(path: Path) -> GateClient | None:
    """A connection to the gate at `path`, None where none runs there (a dead one's socket file is removed).

    UsageError where `path` is too long for a socket; GateError where a gate runs that does not answer, or
    that speaks another version of the protocol.
    """
    client = await _reach(path)
    if client is None:
        return None
    try:
        version, client.pid = wire.read_version(await client._ask(wire.Hello()))
    except BaseException:
        await client.close()
        raise
    if version != wire.VERSION:
        await client.close()
        raise GateError(
            f"the gate (pid {client.pid}) is of another devbox",
            cause=f"it speaks version {version} of the control protocol, this devbox {wire.VERSION}",
            hint="run `devbox down`, then `devbox up`",
        )
    return client


async def start(path: Path, log_path: Path) -> GateClient:
    """A connection to the gate at `path`, which is started if none runs there and then outlives this process.

    Its messages go to `log_path`. Errors as `connect`; GateError where it is not there in time.
    """
    client = await connect(path)
    if client is not None:
        return client
    await launch.spawn(path, log_path)
    client = await connect(path)
    if client is None:
        raise GateError(
            "the gate ended right after its start", cause=launch.log_tail(log_path), hint=f"see {log_path}"
        )
    return client


async def end(path: Path) -> bool:
    """End whatever gate runs at `path`, of any version, by force where it does not answer; False where none
    runs. Its ports are free afterwards."""
    try:
        client = await _reach(path)
        if client is None:
            return False
        try:
            await client.stop()
        finally:
            await client.close()
    except GateError:
        pid = lock.holder(path)
        if pid is None:
            return True
        if not pid:
            raise
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await launch.ended(path)
    lock.remove_stale(path)
    return True


async def _reach(path: Path) -> GateClient | None:
    length = len(os.fsencode(path))
    if length > lock.PATH_BYTES:
        raise UsageError(
            f"the path of the gate's socket is too long: {path}",
            cause=f"{length} bytes, and a socket's path has at most {lock.PATH_BYTES}",
            hint="set XDG_RUNTIME_DIR to a shorter directory",
        )
    deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                reader, writer = await asyncio.open_unix_connection(path, limit=wire.LINE_BYTES)
            return GateClient(path, reader, writer)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            if lock.remove_stale(path):
                return None
            # A gate lives that cannot be reached: it starts or ends just now, or its socket file was removed.
            if asyncio.get_running_loop().time() > deadline:
                raise _unreachable(path, error) from error
        except OSError as error:
            raise _unreachable(path, error) from error
        await asyncio.sleep(launch.POLL_SECONDS)


def _listen_error(address: str, failure: wire.Failure) -> Exception:
    if failure.code == "EADDRINUSE":
        return PortTaken(
            f"port {address} is taken",
            cause=failure.text,
            hint="stop what listens there, or choose another host port",
        )
    if failure.code in ("EACCES", "EPERM"):
        hint = "choose a host port of 1024 or higher"
        return UsageError(f"port {address} may not be opened", cause=failure.text, hint=hint)
    if failure.code in ("EADDRNOTAVAIL", "EAFNOSUPPORT", "address"):
        hint = "choose an address of this machine, such as 127.0.0.1"
        return UsageError(f"{address} cannot be listened on", cause=failure.text, hint=hint)
    return GateError(f"the gate cannot listen on {address}", cause=failure.text, hint=_RESTART)


def _unreachable(path: Path, error: OSError) -> GateError:
    pid = lock.holder(path)
    what = f"the gate (pid {pid})" if pid else "the gate"
    return GateError(f"{what} cannot be reached at {path}", cause=error.strerror or str(error), hint=_RESTART)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
