"""Is a container ready: its port answers, and its health says so."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, EngineInfo
from devbox.errors import EngineError, NotFound, StartFailed
from devbox.model import Backend
from devbox.release.listening import Diagnosis, diagnose, parse
from devbox.release.standby.wire import MARKER

_POLL = 0.004
_POLL_HEALTH = 0.05
_POLL_HEALTH_MOST = 1.0
_CONNECT_BOUND = 1.0
_ANSWER_BOUND = 5.0
_DIAGNOSE_EVERY = 2.0
# An application that listens elsewhere by now is not about to listen where it should.
_ELSEWHERE_FOR_GOOD = 10.0
# Without a TCP port there is nothing to ask: whatever fails at once has failed by then.
_WITHOUT_PORT = 0.5
_END_IS_TOLD = 1.0
# More than is shown: a traceback may be long, and the line that matters stands above those of libraries.
_LOG_LINES = 400
# These open their port only once the application is loaded; a port that answers is proof enough for them.
_OPENS_PORT_WHEN_LOADED = ("uvicorn", "fastapi", "hypercorn", "flask", "granian", "daphne")


@dataclass(frozen=True, slots=True)
class Readiness:
    """What "ready" means for one image.

    `port` is the application's TCP port in the container, 0 where it has none. `health_path` must answer 2xx
    or 3xx; else `healthcheck` (the image's HEALTHCHECK test as the engine gives it) must succeed; else, where
    `speak` is set, any HTTP answer counts; else an open port does; else to run is enough. `timeout` in
    seconds. With `debugged` the debugger listens too, which tells nothing of the application.
    """

    port: int
    health_path: str = ""
    healthcheck: tuple[str, ...] = ()
    speak: bool = False
    timeout: float = 30.0
    debugged: bool = False


def must_speak(command: Sequence[str]) -> bool:
    """True where an open port proves nothing: the server may listen before it has loaded the application
    (gunicorn does), so that only an answer counts."""
    text = " ".join(command)
    return "gunicorn" in text or not any(name in text for name in _OPENS_PORT_WHEN_LOADED)


def backends(facts: ContainerFacts, ports: Sequence[int], engine: EngineInfo) -> dict[int, Backend]:
    """Where each port of the container can be dialled from this machine; ports without one are left out."""
    if engine.reaches_containers and facts.address:
        return {port: Backend(facts.address, port) for port in ports}
    found = {}
    for port in ports:
        for published in facts.published.get(f"{port}/tcp", ()):
            found[port] = Backend(engine.publish_host, published.port)
            break
    return found


async def wait_ready(
    engine: Engine,
    container: str,
    info: EngineInfo,
    readiness: Readiness,
    known: ContainerFacts | None = None,
) -> ContainerFacts:
    """Returns once the container is ready; raises StartFailed when it exits or runs out of time.

    The container's end is noticed at once, not at the next poll. Where it has run for a while, what is
    `known` of it since is not asked again.
    """
    ended = asyncio.ensure_future(engine.wait(container))
    probing = asyncio.ensure_future(_probe(engine, container, info, readiness, known))
    try:
        await asyncio.wait({ended, probing}, return_when=asyncio.FIRST_COMPLETED)
        if probing.done() and isinstance(probing.exception(), EngineError):
            # A container that has just ended refuses commands before its end is told.
            await asyncio.wait({ended}, timeout=_END_IS_TOLD)
        if ended.done():
            raise await _exited(engine, container, ended.result())
        facts = await probing
        if not facts.running:
            raise await _exited(engine, container, facts.exit_status)
    except NotFound as error:
        raise _removed() from error
    else:
        return facts
    finally:
        for task in (ended, probing):
            task.cancel()
        await asyncio.gather(ended, probing, return_exceptions=True)


def _removed() -> StartFailed:
    return StartFailed("was removed while it started")


async def _exited(engine: Engine, container: str, status: int) -> StartFailed:
    facts = await engine.container(container)
    if facts is not None and facts.out_of_memory:
        return StartFailed(
            f"exited with status {status}",
            exit_status=status,
            log=await log_tail(engine, container),
            cause="it was killed for using more memory than it may",
        )
    return StartFailed(
        f"exited with status {status}", exit_status=status, log=await log_tail(engine, container)
    )


async def log_tail(engine: Engine, container: str) -> tuple[str, ...]:
    """The last lines that a container wrote; empty where it is gone, or nothing comes within 5 seconds."""
    try:
        async with asyncio.timeout(_ANSWER_BOUND):
            pieces = [piece async for piece in engine.logs(container, follow=False, tail=_LOG_LINES)]
            return tuple(piece.line for piece in pieces if not piece.line.startswith(MARKER))
    except (EngineError, TimeoutError):
        return ()


async def _probe(
    engine: Engine, container: str, info: EngineInfo, readiness: Readiness, known: ContainerFacts | None
) -> ContainerFacts:
    deadline = time.monotonic() + readiness.timeout
    target: Backend | None = None
    if readiness.port:
        target = backends(known, (readiness.port,), info).get(readiness.port) if known else None
        target = target or await _dial_address(engine, container, info, readiness, deadline)
        await _until_open(engine, container, info, readiness, target, deadline)
    else:
        await asyncio.sleep(_WITHOUT_PORT)
    pause = _POLL_HEALTH
    while (last := await _health(engine, container, target, readiness)) != "":
        if time.monotonic() >= deadline:
            raise await _too_late(engine, container, readiness, last)
        await asyncio.sleep(pause)
        # Each question may leave a line in the application's log.
        pause = min(2 * pause, _POLL_HEALTH_MOST)
    facts = known or await engine.container(container)
    if facts is None:
        raise _removed()
    return facts


async def _until_open(
    engine: Engine,
    container: str,
    info: EngineInfo,
    readiness: Readiness,
    target: Backend,
    deadline: float,
) -> None:
    began = time.monotonic()
    diagnose_at = began + _DIAGNOSE_EVERY
    opens = _opens if info.reaches_containers else _opens_behind_proxy
    while not await opens(target):
        now = time.monotonic()
        if now >= diagnose_at:
            diagnose_at = now + _DIAGNOSE_EVERY
            await _fail_if_hopeless(engine, container, readiness, patience=now - began < _ELSEWHERE_FOR_GOOD)
        if now >= deadline:
            raise await _too_late(engine, container, readiness, f"nothing answers on port {readiness.port}")
        await asyncio.sleep(_POLL)


async def _dial_address(
    engine: Engine, container: str, info: EngineInfo, readiness: Readiness, deadline: float
) -> Backend:
    while True:
        facts = await engine.container(container)
        if facts is None:
            raise _removed()
        found = backends(facts, (readiness.port,), info)
        if found:
            return found[readiness.port]
        if time.monotonic() >= deadline:
            raise await _too_late(engine, container, readiness, "the engine gives it no address")
        await asyncio.sleep(_POLL)


async def _opens(target: Backend) -> bool:
    """True where a container's own address accepts; no stream, for it is asked 250 times a second beside a
    build and a start."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in target.host else socket.AF_INET) as sock:
        sock.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_BOUND):
                await loop.sock_connect(sock, (target.host, target.port))
        except (OSError, TimeoutError):
            return False
    return True


async def _opens_behind_proxy(target: Backend) -> bool:
    """True where a published port leads to somebody: Docker's proxy accepts before the application listens,
    and hangs up at once."""
    try:
        async with asyncio.timeout(_CONNECT_BOUND):
            reader, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(0.1):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()


async def _health(engine: Engine, container: str, target: Backend | None, readiness: Readiness) -> str:
    """'' when good, else what is not."""
    if target is not None and readiness.health_path:
        status = await _http_status(target, readiness.health_path)
        if 200 <= status < 400:
            return ""
        return (
            f"GET {readiness.health_path} answered {status}"
            if status
            else f"GET {readiness.health_path} failed"
        )
    if readiness.healthcheck and readiness.healthcheck[0] != "NONE":
        kind, *rest = readiness.healthcheck
        command = ("/bin/sh", "-c", *rest) if kind == "CMD-SHELL" else tuple(rest)
        result = await engine.exec(container, command, _ANSWER_BOUND)
        if result.exit_status == 0:
            return ""
        return f"HEALTHCHECK ended with status {result.exit_status}: {result.output.strip()[-200:]}"
    if target is not None and readiness.speak and not await _http_status(target, "/"):
        return "the port is open, but no HTTP answer comes"
    return ""


async def _http_status(target: Backend, path: str) -> int:
    """The status of GET `path`, 0 where no HTTP answer came within 5 seconds."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
        "User-Agent: devbox-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(_ANSWER_BOUND):
            reader, writer = await asyncio.open_connection(target.host, target.port)
            try:
                writer.write(request.encode())
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return 0
    version, _, rest = line.partition(b" ")
    digits = rest[:3]
    return int(digits) if version.startswith(b"HTTP/1.") and digits.isdigit() else 0


async def _fail_if_hopeless(engine: Engine, container: str, readiness: Readiness, *, patience: bool) -> None:
    """Raises StartFailed where the application listens, but where nobody can reach it."""
    found = await _diagnosis(engine, container, readiness)
    if found is not None and (found.certain or not patience):
        log = await log_tail(engine, container)
        raise StartFailed("is not reachable", log=log, cause=found.cause, hint=found.hint)


async def _diagnosis(engine: Engine, container: str, readiness: Readiness) -> Diagnosis | None:
    try:
        table = await engine.exec(container, ("cat", "/proc/net/tcp", "/proc/net/tcp6"), _ANSWER_BOUND)
    except EngineError:
        return None
    found = parse(table.output)
    if readiness.debugged:
        found = tuple(listener for listener in found if listener.port == readiness.port)
    return diagnose(found, readiness.port)


async def _too_late(engine: Engine, container: str, readiness: Readiness, last: str) -> StartFailed:
    found = await _diagnosis(engine, container, readiness) if readiness.port else None
    return StartFailed(
        f"was not ready within {readiness.timeout:g}s",
        log=await log_tail(engine, container),
        cause=found.cause if found else last,
        hint=found.hint if found else _hint(last),
    )


def _hint(last: str) -> str:
    """What to try where `last` is what was not good to the end."""
    if "answered 4" in last:
        return "is health_path right?"
    if "answered 5" in last and not last.endswith("503"):
        return "the application is up and says that it is not well: its log may tell why"
    return "start_timeout in the settings gives it longer"
