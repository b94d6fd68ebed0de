"""A program that runs beside the bench and ends when its owner says so."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TAIL = 20
# One event holds at most the log of a failed step.
LINE_BOUND = 2**22


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


class Child:
    """A running program in a session of its own; what it writes to the log can be read at any time."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        read_output: bool = False,
    ) -> Child:
        """Starts `command` in `folder`; stdout goes to `log` like stderr, or to `output` if `read_output`."""
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if read_output else file,
                stderr=file,
                start_new_session=True,
                limit=LINE_BOUND,
            )
        return cls(process, log)

    @property
    def output(self) -> asyncio.StreamReader:
        """What the program writes to stdout, where it was started with `read_output`."""
        if self._process.stdout is None:
            raise ValueError("started without read_output")
        return self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    def log(self) -> str:
        """Everything in the log so far."""
        return self._log.read_text(errors="replace")

    def failure(self, what: str) -> BenchError:
        """The error that says `what`, with the last lines of the log."""
        return BenchError("\n".join((what, *self.log().splitlines()[-TAIL:])))

    async def wait(self, bound: float) -> int:
        """The exit status; TimeoutError after `bound` seconds."""
        async with asyncio.timeout(bound):
            return await self._process.wait()

    async def stop(self, bound: float) -> None:
        """Ends the program: SIGTERM, and after `bound` seconds SIGKILL for its whole session."""
        if self.ended:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await self.wait(bound)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


async def run(command: Sequence[str], folder: Path, log: Path, bound: float) -> None:
    """Runs `command` to its end within `bound` seconds; BenchError where it fails or takes longer."""
    child = await Child.start(command, folder, log)
    try:
        status = await child.wait(bound)
    except TimeoutError as error:
        raise child.failure(f"{' '.join(command)} took longer than {bound:.0f} s") from error
    finally:
        await child.stop(bound=5.0)
    if status != 0:
        raise child.failure(f"{' '.join(command)} failed (exit {status})")


async def output_of(command: Sequence[str], bound: float) -> str | None:
    """What `command` printed, stripped; None where it is not there, fails or takes longer than `bound`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return None
    try:
        async with asyncio.timeout(bound):
            printed, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return printed.decode(errors="replace").strip() if process.returncode == 0 else None
