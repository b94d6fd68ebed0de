"""A daemon in a process of its own: begun, followed until it serves, and left alone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from devbox.daemon.lock import holder, make_runtime_directory
from devbox.errors import AlreadyRunning
from devbox.events import (
    BuildFailed,
    EngineLost,
    Event,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    from_json,
)
from devbox.report import Renderer
from devbox.report.ticking import ticking

BACKGROUND = "--background"
_LONGEST_EVENT = 16 * 1024 * 1024
_ENDS_WITHIN = 30.0
_LOG = "daemon.log"
_RUNS_ON = "goes on in the background; devbox down ends it"


async def begin(arguments: Sequence[str], root: Path, shown: Renderer, *, wait: bool) -> int:
    """Runs `devbox` with these arguments in a session of its own, and shows what it says until it serves;
    without `wait`, until it has begun.

    Returns 0 then; 1 where a build or a start fails, and 3 where the engine goes, with the daemon going on;
    and what the process ended with, where it ends, 1 where it was told to. Cancelled, it ends the process.
    Raises ConfigError where the project's runtime directory cannot be made, AlreadyRunning where another
    devbox was quicker.
    """
    # What comes after the dashes is the application's command.
    own = arguments.index("--") if "--" in arguments else len(arguments)
    directory = make_runtime_directory(root)
    with (directory / _LOG).open("w+b") as errors:
        process = await asyncio.create_subprocess_exec(
            # -P: no module of the user's project may stand in for one of ours.
            *(sys.executable, "-P", "-m", "devbox", *arguments[:own], BACKGROUND, *arguments[own:]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            limit=_LONGEST_EVENT,
        )
        try:
            # Where nobody reads what it says, there is still its code to wait for.
            async with ticking(shown, lambda: None):
                code = await _follow(process, shown, wait=wait)
        except BaseException:
            await asyncio.shield(_end(process))
            raise
        if code is not None:
            shown.last_word(_RUNS_ON)
            return code
        code = await process.wait()
        if code == AlreadyRunning.exit_code and (other := holder(directory)) is not None:
            raise AlreadyRunning("another devbox runs this project", cause=f"process {other}")
        errors.seek(0)
        sys.stderr.write(errors.read().decode(errors="replace"))
        # Whoever goes on with 0 needs something that serves.
        return code or 1


async def _follow(process: asyncio.subprocess.Process, shown: Renderer, *, wait: bool) -> int | None:
    """The code to return with while the process goes on, None where it ends."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        event = from_json(line)
        shown(event)
        code = _code(event, wait=wait)
        if code is not None:
            return code
    return None


def _code(event: Event, *, wait: bool) -> int | None:
    match event:
        case SessionStarted() if not wait:
            return 0
        case ReleaseServed():
            return 0
        case BuildFailed() | ReleaseFailed():
            return 1
        case EngineLost():
            return 3
        case _:
            return None


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
