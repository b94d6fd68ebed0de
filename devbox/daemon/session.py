"""One `devbox up`: everything it needs is started, the loop runs, and everything is ended again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from devbox import __version__
from devbox.build.frontend import Frontends
from devbox.config import Config
from devbox.daemon.adopt import adopt
from devbox.daemon.api.server import control_api
from devbox.daemon.applog import LogFollowers
from devbox.daemon.beside import Beside
from devbox.daemon.bus import Bus
from devbox.daemon.control import Control
from devbox.daemon.hostports import HostPorts
from devbox.daemon.housekeeping import remove_superseded_images
from devbox.daemon.hub import Hub
from devbox.daemon.lock import ProjectLock, make_runtime_directory, state_directory
from devbox.daemon.loop import Loop
from devbox.daemon.memory import Memory, recall, refuse_foreign_project
from devbox.daemon.notify import Notify
from devbox.daemon.ownoutput import output_files, refuse_own_output
from devbox.daemon.problems import problems_at_start
from devbox.daemon.project import Project
from devbox.daemon.source import Settings
from devbox.daemon.teardown import release_ports, take_down
from devbox.daemon.told import never_served
from devbox.daemon.tools import Tools
from devbox.daemon.work import Serving, Source
from devbox.engine import connect
from devbox.engine.protocol import Engine
from devbox.engine.values import EngineInfo
from devbox.errors import EXIT_INTERRUPTED, ConfigError, DevboxError, EngineError, SeveralServices
from devbox.events import ContextNotice, ReleaseServed, SessionStarted, SessionStopped, TimingsInfo
from devbox.place import split
from devbox.release.strategies import retire
from devbox.report import Renderer
from devbox.report.journal import Journal
from devbox.report.terminal import restore_terminals
from devbox.report.ticking import ticking

_LOOK_SECONDS = 2.0
_SIGNALS = {
    signal.SIGINT: ("Ctrl-C", EXIT_INTERRUPTED),
    signal.SIGTERM: ("terminated", 0),
    signal.SIGHUP: ("terminal closed", 0),
}


@dataclass(slots=True)
class _Stop:
    """How the session was asked to end; `reason` is '' while it was not."""

    renderer: Renderer
    notify: Notify
    reason: str = ""
    exit_code: int = 0
    task: asyncio.Task[None] | None = None

    def ask(self, reason: str, exit_code: int) -> None:
        """Ends the session's task, once; from the event loop's thread."""
        if not self.reason and self.task is not None:
            self.reason, self.exit_code = reason, exit_code
            self.task.cancel()

    def ends_already(self) -> None:
        """The session ends by itself, and whoever asks for that waits: half of its end would be none."""
        self.task = None


async def run_session(
    root: Path, flags: Mapping[str, Any], environ: Mapping[str, str], renderer: Renderer, *, watch: bool
) -> int:
    """Serves the project until it is told to stop, and returns the exit code.

    Ctrl-C stops the application, keeps its volumes and leaves nothing else behind; a second one leaves at
    once, with the application still serving. Without `watch` a build or an application that fails ends it
    too, with the failure's exit code. Raises DevboxError where it cannot start.
    """
    try:
        settings = Settings(root, flags, environ)
    except SeveralServices:
        # No mistake: whoever asked starts one session for each.
        raise
    except ConfigError as error:
        renderer.problems(problems_at_start(error, split(root)[0], None, None))
        raise
    directory = make_runtime_directory(settings.config.place)
    with ProjectLock(directory) as lock, _stopping_on_signals(renderer) as stop:
        async with ticking(renderer, lambda: stop.ask(*_unread(renderer))):
            try:
                engine = await connect()
            except asyncio.CancelledError:
                # Asked to end before anything was begun.
                _acknowledge(stop)
                return stop.exit_code
            try:
                return await _serve(engine, settings, lock, environ, stop, watch=watch)
            finally:
                await engine.close()


@asynccontextmanager
async def _keeping(lock: ProjectLock) -> AsyncIterator[None]:
    """Holds the lock where others look for it, until the session ends and takes it away: a user's runtime
    directory goes with the last of his logins, and comes back with the next one."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            lock.renew()

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()


async def _serve(
    engine: Engine,
    settings: Settings,
    lock: ProjectLock,
    environ: Mapping[str, str],
    stop: _Stop,
    *,
    watch: bool,
) -> int:
    """One session, and around it what others see of it and ask it."""
    journal = Journal(
        state_directory(settings.config.place), lambda problem: bus(ContextNotice(notice=problem))
    )
    hub = Hub()
    control = Control(engine, settings, hub, lambda: stop.ask("devbox down", 0))
    beside = Beside(lambda event: bus(event), environ)
    bus = Bus(stop.renderer, journal, hub, control, stop.notify, beside)
    try:
        async with control_api(lock.directory, control):
            try:
                return await _run(engine, settings, lock, beside, bus, control, stop, watch)
            finally:
                await beside.close()
                hub.close()
    finally:
        journal.close()
        stop.notify.close()


async def _run(
    engine: Engine,
    settings: Settings,
    lock: ProjectLock,
    beside: Beside,
    bus: Bus,
    control: Control,
    stop: _Stop,
    watch: bool,
) -> int:
    ports = HostPorts(engine, lock.directory)
    logs = LogFollowers(engine, bus)
    running = looping = False
    source: Source | None = None
    try:
        info = await engine.info()
        tools = Tools(engine, info, Frontends(engine), ports, logs, bus)
        async with Project(settings, ports, beside.follow) as project, _keeping(lock):
            source = await project.read()
            refuse_own_output(output_files(settings.config.context), source.snapshot)
            memory = await recall(engine, settings.config)
            refuse_foreign_project(memory, settings.config)
            await _make_way(engine, info, settings.config, memory)
            pointed = await project.arrange(source.dockerfile)
            running = True
            serving = await adopt(engine, info, ports, settings.config, memory, pointed)
            _announce(bus, settings, f"{info.name} {info.version}", ports, serving)
            looping = True
            await beside.begin(settings.config, source)
            loop = Loop(project, tools, watch=watch)
            control.governs(loop)
            await loop.run(serving, memory.last_number, await never_served(settings.config.place))
    except asyncio.CancelledError:
        _acknowledge(stop)
        stop.notify.stopping()
        await _end(engine, settings, ports, stop.renderer)
        bus(SessionStopped(reason=stop.reason))
        return stop.exit_code
    except DevboxError as error:
        if running:
            stop.ends_already()
            await _end(engine, settings, ports, stop.renderer)
            if looping:
                # Its events have said what and why.
                bus(SessionStopped(reason=error.what))
                return error.exit_code
        elif not await engine_serves(engine, settings):
            await release_ports(ports, settings.config.place)
        stop.renderer.problems(problems_at_start(error, settings.config.root, settings.config, source))
        raise
    finally:
        await logs.close()
        await ports.close()
    return 0


def _acknowledge(stop: _Stop) -> None:
    """Takes the cancellation that a signal asked for as handled; any other one is raised again."""
    task = asyncio.current_task()
    if not stop.reason or task is None:
        raise asyncio.CancelledError
    task.uncancel()


async def _make_way(engine: Engine, info: EngineInfo, config: Config, memory: Memory) -> None:
    """Removes containers that hold the host ports themselves, left by a daemon with swap = recreate, where
    the gate is to hold them now."""
    if config.swap == "rolling" and info.reaches_containers:
        holding = [item for item in memory.containers if item.published]
        await asyncio.gather(*(retire(engine, item.id, config.stop_grace) for item in holding))


def _announce(bus: Bus, settings: Settings, engine: str, ports: HostPorts, serving: Serving | None) -> None:
    config = settings.config
    # The debugger's port is the last one, and nothing for a browser.
    web = ports.urls[:-1] if config.debug else ports.urls
    urls = web if config.swap == "rolling" else ()
    bus(
        SessionStarted(
            project=config.project, root=str(config.place), urls=urls, engine=engine, version=__version__
        )
    )
    if config.debug:
        bus(ContextNotice(notice=f"a debugger attaches to 127.0.0.1:{config.debug_port}"))
    if serving is not None:
        bus(
            ReleaseServed(
                revision=serving.revision.number,
                image=serving.revision.image,
                strategy="adopted",
                url=serving.url,
                timings=TimingsInfo(),
            )
        )


async def _end(engine: Engine, settings: Settings, ports: HostPorts, renderer: Renderer) -> None:
    """Takes the project down; an engine that does not answer keeps what it has, and this is said."""
    renderer.message("stopping the application, keeping its volumes (Ctrl-C again to leave at once)")
    try:
        await take_down(engine, settings.config, ports, volumes=False)
        await remove_superseded_images(engine, settings.config, ())
    except EngineError as error:
        renderer.last_word(f"the application may still run: {error} (devbox down removes it later)")
        await release_ports(ports, settings.config.place)


async def engine_serves(engine: Engine, settings: Settings) -> bool:
    """True where a container of the project runs; also where the engine cannot be asked."""
    try:
        return any(item.running for item in await engine.containers(settings.config.project))
    except EngineError:
        return True


@contextmanager
def _stopping_on_signals(renderer: Renderer) -> Iterator[_Stop]:
    """The first signal cancels the session's task; the second one leaves the process at once."""
    loop = asyncio.get_running_loop()
    stop = _Stop(renderer, Notify(os.environ), task=asyncio.current_task())
    interrupts: list[int] = []

    # Not the event loop's own handlers: those wait for the loop, which may hang in a write that nobody reads.
    def asked(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and (stop.reason or interrupts):
            restore_terminals()
            os.write(2, b"devbox: left at once; devbox down removes what still runs\n")
            os._exit(EXIT_INTERRUPTED)
        # A closing terminal may say so twice: only a person's second Ctrl-C means at once.
        interrupts.extend([number] * (number == signal.SIGINT))
        loop.call_soon_threadsafe(stop.ask, *_SIGNALS[signal.Signals(number)])

    former = {number: signal.signal(number, asked) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _unread(renderer: Renderer) -> tuple[str, int]:
    """Why a session ends whose output goes nowhere, and with which exit code."""
    return ("the output cannot be written", 1) if renderer.full else ("nobody reads the output", 0)
