"""`python -m devbox.gate SOCKET_PATH` returns once the gate, by then a process of its own, can be reached."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from devbox.gate import lock
from devbox.gate.listener import raise_descriptor_limit
from devbox.gate.routes import Routes
from devbox.gate.server import Control, close_control, open_control

LOCK_SECONDS = 1.0
LOOK_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Start the gate for the socket path in `arguments` and return 0 once it listens there, else say why."""
    if len(arguments) != 1 or len(os.fsencode(arguments[0])) > lock.PATH_BYTES:
        sys.stderr.write(f"usage: python -m devbox.gate SOCKET_PATH (at most {lock.PATH_BYTES} bytes)\n")
        return 2
    ready, say_ready = os.pipe()
    # The launcher ends as soon as the gate is reachable: the gate is then nobody's child who would have to
    # wait for it, and the exit code is the answer.
    if os.fork():
        os.close(say_ready)
        return 0 if os.read(ready, 1) else 1
    os.close(ready)
    return run(Path(arguments[0]).absolute(), say_ready)


def run(path: Path, say_ready: int) -> int:
    """Be the gate of `path` until told to stop; a byte goes to the descriptor `say_ready` once it listens."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if not _acquire(path):
        sys.stderr.write(f"another gate runs at {path}\n")
        return 1
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(path, say_ready))
    return 0


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is installed, asyncio's own loop elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(path: Path, say_ready: int) -> None:
    loop = asyncio.get_running_loop()
    routes = Routes(loop, raise_descriptor_limit())
    control = Control(routes)
    loop.add_signal_handler(signal.SIGTERM, control.stop)
    listener = open_control(path)
    os.write(say_ready, b"\n")
    os.close(say_ready)
    keeping = asyncio.create_task(_keep_reachable(path, control))
    try:
        await control.serve(listener)
    finally:
        keeping.cancel()
        close_control(path)
        await routes.close()


async def _keep_reachable(path: Path, control: Control) -> None:
    """Makes the control socket anew where it was removed: a user's runtime directory goes with the last of
    his sessions, and comes back with the next one."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with contextlib.suppress(OSError):
            if lock.regain(path):
                await control.listen(open_control(path))


def _acquire(path: Path) -> bool:
    # Somebody who only asks whether a gate runs holds the lock for a moment.
    deadline = time.monotonic() + LOCK_SECONDS
    while not lock.acquire(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
