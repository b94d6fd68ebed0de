"""Is a container ready: its port answers, and its health says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devbox.endings import how_it_ended
from devbox.engine.protocol import Engine
from devbox.engine.values import ContainerFacts, EngineInfo
from devbox.errors import EngineError, NotFound, StartFailed
from devbox.healthcheck import asked_path
from devbox.model import Backend
from devbox.release.dial import ANSWER_BOUND, http_status, until_open
from devbox.release.listening import Diagnosis, diagnose, parse
from devbox.release.standby.wire import MARKER

_POLL = 0.004
_POLL_HEALTH = 0.05
_POLL_HEALTH_MOST = 1.0
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
    or 3xx; else the path that a `healthcheck` of devbox's own making asks; else any other `healthcheck` (the
    image's HEALTHCHECK test as the engine gives it) must succeed; else, where `speak` is set, any HTTP answer
    counts; else an open port does; else to run is enough. `timeout` in seconds, `health_timeout` that of one
    run of the health check. With `debugged` the debugger listens too, which tells nothing of the application.
    Where it is a `guess` that there is a port at all, one that listens nowhere after a moment need only run.
    """

    port: int
    health_path: str = ""
    healthcheck: tuple[str, ...] = ()
    speak: bool = False
    timeout: float = 30.0
    debugged: bool = False
    health_timeout: float = ANSWER_BOUND
    guess: bool = False


def is_server(command: Sequence[str]) -> bool:
    """True where the command is sure to listen sooner or later."""
    text = " ".join(command)
    return any(name in text for name in (*_OPENS_PORT_WHEN_LOADED, "gunicorn"))


def must_speak(command: Sequence[str]) -> bool:
    """True where an open port proves nothing: the server may listen before it has loaded the application
    (gunicorn does, and so does the parent of several workers), so that only an answer counts."""
    text = " ".join(command)
    return (
        "gunicorn" in text or "--workers" in text or not any(name in text for name in _OPENS_PORT_WHEN_LOADED)
    )


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
    killed, limit = (facts.out_of_memory, facts.memory) if facts is not None else (False, 0)
    return StartFailed(
        how_it_ended(status, killed=killed, limit=limit),
        exit_status=status,
        log=await log_tail(engine, container),
        hint="give it more: memory in the settings" if killed and limit else "",
    )


async def log_tail(engine: Engine, container: str) -> tuple[str, ...]:
    """The last lines that a container wrote; empty where it is gone, or nothing comes within 5 seconds."""
    try:
        async with asyncio.timeout(ANSWER_BOUND):
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
        targets = _places(known, readiness.port, info) if known else ()
        targets = targets or await _dial_addresses(engine, container, info, readiness, deadline)
        target = await _until_open(engine, container, info, readiness, targets, deadline)
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
    if target is not None and target.host in facts.addresses:
        # Of several networks one that this machine reaches.
        return replace(facts, address=target.host)
    return facts


def _places(facts: ContainerFacts, port: int, info: EngineInfo) -> tuple[Backend, ...]:
    """Where a port of the container may be dialled: at its address in each network."""
    each = (replace(facts, address=address) for address in facts.addresses or (facts.address,))
    return tuple(dict.fromkeys(place for one in each for place in backends(one, (port,), info).values()))


async def _until_open(
    engine: Engine,
    container: str,
    info: EngineInfo,
    readiness: Readiness,
    targets: tuple[Backend, ...],
    deadline: float,
) -> Backend | None:
    """The first of the places that opens; None where it is a `guess` and nothing listens in there."""
    began = time.monotonic()
    diagnose_at = began + _DIAGNOSE_EVERY
    opening = [
        asyncio.ensure_future(until_open(target, direct=info.reaches_containers)) for target in targets
    ]
    try:
        while True:
            pause = max(0.0, min(diagnose_at, deadline) - time.monotonic())
            opened, _ = await asyncio.wait(opening, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if opened:
                return opened.pop().result()
            now = time.monotonic()
            if now >= diagnose_at:
                diagnose_at = now + _DIAGNOSE_EVERY
                if readiness.guess and await _listens_nowhere(engine, container):
                    return None
                patience = now - began < _ELSEWHERE_FOR_GOOD
                await _fail_if_hopeless(engine, container, readiness, patience=patience)
            if now >= deadline:
                last = f"nothing answers on port {readiness.port}"
                raise await _too_late(engine, container, readiness, last)
    finally:
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)


async def _dial_addresses(
    engine: Engine, container: str, info: EngineInfo, readiness: Readiness, deadline: float
) -> tuple[Backend, ...]:
    while True:
        facts = await engine.container(container)
        if facts is None:
            raise _removed()
        found = _places(facts, readiness.port, info)
        if found:
            return found
        if time.monotonic() >= deadline:
            raise await _too_late(engine, container, readiness, "the engine gives it no address")
        await asyncio.sleep(_POLL)


async def _health(engine: Engine, container: str, target: Backend | None, readiness: Readiness) -> str:
    """'' when good, else what is not."""
    own = asked_path(readiness.healthcheck, readiness.port) if target is not None else None
    path = readiness.health_path or own
    if target is not None and path:
        status = await http_status(target, path)
        if 200 <= status < 400:
            return ""
        return f"GET {path} answered {status}" if status else f"GET {path} failed"
    if own is None and readiness.healthcheck and readiness.healthcheck[0] != "NONE":
        kind, *rest = readiness.healthcheck
        command = ("/bin/sh", "-c", *rest) if kind == "CMD-SHELL" else tuple(rest)
        result = await engine.exec(container, command, readiness.health_timeout)
        if result.exit_status == 0:
            return ""
        return f"HEALTHCHECK ended with status {result.exit_status}: {result.output.strip()[-200:]}"
    if target is not None and readiness.speak and not await http_status(target, "/"):
        return "the port is open, but no HTTP answer comes"
    return ""


async def _fail_if_hopeless(engine: Engine, container: str, readiness: Readiness, *, patience: bool) -> None:
    """Raises StartFailed where the application listens, but where nobody can reach it."""
    found = await _diagnosis(engine, container, readiness)
    if found is not None and (found.certain or not patience):
        log = await log_tail(engine, container)
        raise StartFailed("is not reachable", log=log, cause=found.cause, hint=found.hint)


async def _diagnosis(engine: Engine, container: str, readiness: Readiness) -> Diagnosis | None:
    found = parse(await _sockets(engine, container))
    if readiness.debugged:
        found = tuple(listener for listener in found if listener.port == readiness.port)
    return diagnose(found, readiness.port)


async def _listens_nowhere(engine: Engine, container: str) -> bool:
    table = await _sockets(engine, container)
    # Its heading: without it nothing could be seen.
    return "local_address" in table and not parse(table)


async def _sockets(engine: Engine, container: str) -> str:
    try:
        table = await engine.exec(container, ("cat", "/proc/net/tcp", "/proc/net/tcp6"), ANSWER_BOUND)
    except EngineError:
        return ""
    return table.output


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
