"""`devbox logs --build`: what a build's steps wrote, out of the journal and from a devbox that is at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from devbox.config import Config
from devbox.daemon.api.client import Client
from devbox.daemon.extent import Extent
from devbox.daemon.lock import holder, runtime_directory, state_directory
from devbox.errors import UsageError
from devbox.events import BuildFailed, BuildFinished, BuildLog, BuildSuperseded, SessionStopped
from devbox.report.journal_reader import build_output

Put = Callable[[BuildLog], None]


async def read_build_log(
    config: Config, build: int, extent: Extent, put: Put, say: Callable[[str], None]
) -> None:
    """Hands on what the build's steps wrote; following, also what they write until it is over. `say` hears
    where nothing was written, or the beginning may be missing.

    Needs no engine. Raises UsageError where nothing is known of that build, or nothing of what it wrote is
    kept; following, what the running devbox's API raises.
    """
    under_way = extent.follow and await _is_under_way(config.place, build)
    output = build_output(state_directory(config.place), build)
    if not (output.known or under_way):
        raise UsageError(
            f"no build {build} of {config.project} is known", hint="devbox history lists those that are"
        )
    if not (output.whole or output.lines):
        raise UsageError(
            f"nothing of what build {build} wrote is kept", hint=f"devbox history {build} shows its steps"
        )
    if not output.whole:
        say(f"what build {build} wrote first may not be kept any more")
    for event in deque((event for event in output.lines if event.at >= extent.since), extent.tail):
        put(event)
    if under_way:
        last = output.lines[-1].seq if output.lines else 0
        await _follow(config.place, build, last, put)
    elif not output.lines:
        say(f"the steps of build {build} wrote nothing")


async def _is_under_way(root: Path, build: int) -> bool:
    if holder(runtime_directory(root)) is None:
        return False
    try:
        return (await Client(root).status()).building == build
    except UsageError:
        # It is just ending.
        return False


async def _follow(root: Path, build: int, after: int, put: Put) -> None:
    async for event in Client(root).follow(after):
        match event:
            case BuildLog(build=of) if of == build and event.stream != "progress":
                put(event)
            case BuildFinished(build=of) | BuildFailed(build=of) | BuildSuperseded(build=of) if of == build:
                return
            case SessionStopped():
                return
            case _:
                pass
