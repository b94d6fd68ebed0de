"""`devbox exec` and `devbox shell`: a command inside the container that serves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from devbox.config import Config
from devbox.daemon.lock import holder, runtime_directory
from devbox.daemon.memory import recall, serving_container
from devbox.daemon.status import pointed_at
from devbox.engine import connect
from devbox.engine.connections import Console, Terminal
from devbox.errors import UsageError

SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
_PIECE = 65536


async def run_inside(config: Config, command: tuple[str, ...]) -> int:
    """Runs a command in the container that serves, with our own standard streams, and returns its exit code.

    Where both input and output are a terminal it has one too, of the same size. Raises UsageError where
    nothing serves, EngineError.
    """
    engine = await connect()
    try:
        pointed = await pointed_at(runtime_directory(config.place))
        container = serving_container(await recall(engine, config), pointed)
        if container is None:
            raise UsageError(f"no revision of {config.project} is serving", hint=what_helps(config))
        terminal = _terminal()
        console = await engine.console(container.id, command, terminal)
        try:
            with _raw() if terminal else contextlib.nullcontext():
                await _converse(console, resized=terminal is not None)
            return await console.status()
        finally:
            await console.close()
    finally:
        await engine.close()


def what_helps(config: Config) -> str:
    """What to do where no revision is there to look into."""
    if holder(runtime_directory(config.place)) is not None:
        return "devbox status says what keeps it from serving"
    return "devbox up starts one"


async def _converse(console: Console, *, resized: bool) -> None:
    """Hands bytes to and fro until the command has ended."""
    loop = asyncio.get_running_loop()
    tasks = {asyncio.create_task(_send_input(console))}

    def resize() -> None:
        terminal = _terminal()
        if terminal is not None:
            tasks.add(loop.create_task(console.resize(terminal)))

    if resized:
        loop.add_signal_handler(signal.SIGWINCH, resize)
    try:
        while (part := await console.part()) is not None:
            stream, data = part
            out = sys.stderr if stream == "stderr" else sys.stdout
            out.buffer.write(data)
            out.buffer.flush()
    finally:
        if resized:
            loop.remove_signal_handler(signal.SIGWINCH)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_input(console: Console) -> None:
    """Reads our standard input as it comes, to its end."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
    readable = asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
    except PermissionError:
        # A file, or /dev/null: it never makes anybody wait.
        while data := os.read(descriptor, _PIECE):
            await console.send(data)
        await console.send(b"")
        return
    try:
        while True:
            await readable.wait()
            readable.clear()
            data = os.read(descriptor, _PIECE)
            await console.send(data)
            if not data:
                return
    finally:
        loop.remove_reader(descriptor)


def _terminal() -> Terminal | None:
    """Ours, None where input or output is something else."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    size = os.get_terminal_size(sys.stdout.fileno())
    return Terminal(size.columns, size.lines)


@contextmanager
def _raw() -> Iterator[None]:
    """Every key goes to the command; the terminal is what it was afterwards."""
    descriptor = sys.stdin.fileno()
    former = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, former)
