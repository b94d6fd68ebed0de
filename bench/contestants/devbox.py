"""`devbox up`, run as a program that reads its events."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bench.app import App
from bench.child import BenchError, Child, output_of, run
from devbox.engine import connect
from devbox.errors import EngineError
from devbox.events import (
    BuildFailed,
    Event,
    ReleaseFailed,
    ReleaseServed,
    ReleaseStarted,
    SessionStarted,
    StandbyChanged,
    from_json,
)

START_BOUND = 600.0
EVENT_BOUND = 10.0
STOP_BOUND = 30.0
DOWN_BOUND = 120.0
DEVBOX = str(Path(sys.executable).with_name("devbox"))


class DevboxUp:
    """A project of its own with its own volume, all of which it removes."""

    title = "devbox, warm"
    warm = True

    def __init__(self, app: App, scratch: Path) -> None:
        self.about = ""
        self._version = ""
        self._app = app
        self._scratch = scratch
        self._child: Child | None = None
        self._reader: asyncio.Task[None] | None = None
        self._failure: tuple[str, ...] = ()
        self._served: asyncio.Queue[ReleaseServed | BenchError] = asyncio.Queue()
        self._standby = asyncio.Event()
        self.starts: list[ReleaseStarted] = []
        self.releases: list[ReleaseServed] = []

    async def start(self) -> str:
        (self._app.folder / "devbox.toml").write_text(settings(self._app, warm=self.warm))
        command = [DEVBOX, "up", "--output", "jsonl"]
        self._child = await Child.start(
            command,
            self._app.folder,
            self._scratch / "devbox.log",
            # Its journal goes with the bench.
            {"XDG_STATE_HOME": str(self._scratch)},
            read_output=True,
        )
        self._reader = asyncio.create_task(self._read(self._child))
        return (await self._next_release(START_BOUND)).url

    def edit(self, text: str) -> float:
        # A release nobody asked for must not be taken for the one of this edit.
        while not self._served.empty():
            self._served.get_nowait()
        # The one that waits goes with this edit.
        self._standby.clear()
        saved = time.monotonic()
        self._app.say(text)
        return saved

    async def standing_by(self, bound: float) -> None:
        """Returns when a standby is ready for the next edit; BenchError where none is within `bound`."""
        try:
            async with asyncio.timeout(bound):
                await self._standby.wait()
        except TimeoutError as error:
            raise self.failure(f"{self.title}: no standby within {bound:.0f} s") from error

    async def processes(self) -> tuple[int, ...]:
        """The process ids of devbox and of its gate."""
        status = await output_of([DEVBOX, "status", "--json", str(self._app.folder)], EVENT_BOUND)
        said = json.loads(status or "{}")
        found = tuple(said[key] for key in ("daemon", "gate") if said.get(key))
        if len(found) != 2:
            raise BenchError(f"devbox status names no processes: {status}")
        return found

    async def split(self) -> Mapping[str, float]:
        release = await self._next_release(EVENT_BOUND)
        self.about = f"devbox {self._version}, {release.strategy}"
        return release.timings.model_dump()

    def failure(self, what: str) -> BenchError:
        return BenchError("\n".join((what, *self._failure)))

    async def stop(self) -> None:
        if self._child is None:
            return
        await self._child.stop(STOP_BOUND)
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await run([DEVBOX, "down", "--volumes"], self._app.folder, self._scratch / "devbox.log", DOWN_BOUND)
        await remove_images(project_name(self._app))

    async def _next_release(self, bound: float) -> ReleaseServed:
        try:
            async with asyncio.timeout(bound):
                release = await self._served.get()
        except TimeoutError as error:
            raise BenchError(f"devbox said nothing of a release within {bound:.0f} s") from error
        if isinstance(release, BenchError):
            raise release
        return release

    async def _read(self, child: Child) -> None:
        try:
            while line := await child.output.readline():
                self._heed(from_json(line))
        except ValueError as error:
            self._served.put_nowait(BenchError(f"devbox wrote a line that is no event: {error}"))
        else:
            self._served.put_nowait(child.failure("devbox ended"))

    def _heed(self, event: Event) -> None:
        match event:
            case SessionStarted():
                self._version = event.version
            case StandbyChanged():
                self._standby.set() if event.ready else self._standby.clear()
            case ReleaseStarted():
                self.starts.append(event)
            case ReleaseServed():
                self._failure = ()
                self.releases.append(event)
                self._served.put_nowait(event)
            case BuildFailed() | ReleaseFailed():
                failure = event.failure
                self._failure = (failure.what, failure.cause, *failure.log)
                self._served.put_nowait(self.failure(f"{self.title}: {event.kind}"))
            case _:
                pass


class DevboxRolling(DevboxUp):
    """The same without a standby: every save starts a new container."""

    title = "devbox, rolling"
    warm = False


async def remove_images(project: str) -> None:
    """Nobody rolls this project back: `devbox down` keeps its images, the bench does not."""
    try:
        engine = await connect()
        try:
            for image in await engine.images(project):
                await engine.remove_image(image.id)
        finally:
            await engine.close()
    except EngineError as error:
        raise BenchError(f"the images of {project} could not be removed: {error}") from error


def project_name(app: App) -> str:
    """The name of what this run of the bench makes, so that it touches nobody else's."""
    return f"devbox-bench-{os.getpid()}-{app.name}"


def settings(app: App, *, warm: bool) -> str:
    """What devbox.toml says: a port and a volume of the project's own."""
    name = project_name(app)
    return "".join(
        f"{key} = {json.dumps(value)}\n"
        for key, value in {
            "project": name,
            "ports": ["127.0.0.1:0:8000"],
            "volumes": [f"{name}-data:/data"],
            "health_path": "/health",
            "warm": warm,
        }.items()
    )
