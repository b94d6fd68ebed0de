"""Start the gate's process, and wait for its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from devbox.errors import GateError
from devbox.gate import lock

START_SECONDS = 5.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.01
_LOG_TAIL_BYTES = 2000


async def spawn(path: Path, log_path: Path) -> None:
    """Start a gate for the socket `path` that outlives this process and logs to `log_path`, and return once
    it listens there; GateError where it does not within START_SECONDS."""
    hint = f"see {log_path}"
    try:
        with log_path.open("wb") as log:
            launcher = await asyncio.create_subprocess_exec(
                # -P and the root directory: no module of the user's project may stand in for one of ours.
                *(sys.executable, "-P", "-m", "devbox.gate", str(path)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
    except OSError as error:
        raise GateError("the gate cannot be started", cause=str(error), hint=hint) from error
    try:
        async with asyncio.timeout(START_SECONDS):
            code = await launcher.wait()
    except TimeoutError as error:
        cause = f"not ready within {START_SECONDS:g} s"
        raise GateError("the gate does not start", cause=cause, hint=hint) from error
    finally:
        if launcher.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
            await launcher.wait()
    if code:
        raise GateError("the gate does not start", cause=log_tail(log_path), hint=hint)


async def ended(path: Path) -> None:
    """Wait until no gate of `path` is left; GateError after STOP_SECONDS."""
    deadline = asyncio.get_running_loop().time() + STOP_SECONDS
    while (pid := lock.holder(path)) is not None:
        if asyncio.get_running_loop().time() > deadline:
            raise GateError(f"the gate (pid {pid}) does not end", hint=f"end it with `kill -9 {pid}`")
        await asyncio.sleep(POLL_SECONDS)


def log_tail(log_path: Path) -> str:
    """The last lines of the gate's log."""
    try:
        return log_path.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
    except OSError as error:
        return str(error)
