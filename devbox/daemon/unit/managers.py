"""The user's service manager, whichever it is: a service is installed, removed, and asked how it is."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devbox.daemon.unit.description import Description

ASKED = 10.0
"""Seconds that a manager may take to answer a question."""
STARTED = 100.0
"""Seconds that a manager may take to start a service; systemd gives up after 90."""
STOPPED = 300.0
"""Seconds that a manager may take to stop a service."""
LOG_LINES = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command ended with; 127 where it is not there, 124 where it did not end in time."""

    code: int
    out: str = ""
    err: str = ""

    @property
    def reason(self) -> str:
        """The last line that it wrote, on standard error before standard output."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1] if lines else f"exit status {self.code}"


Call = Callable[[Sequence[str], float], Answer]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One project's service at one moment.

    `active` is the manager's own word ("active", "failed", …), '' where it cannot be asked, for `problem`;
    `enabled` and `lingers` are None where that is not known. `since` is in seconds since the epoch, `status`
    what devbox last told the manager, `log` its last lines, and `logs` the command that shows more of them.
    """

    root: str
    manager: str
    unit: str
    path: str
    installed: bool
    enabled: bool | None = None
    active: str = ""
    since: float | None = None
    status: str = ""
    problem: str = ""
    lingers: bool | None = None
    log: tuple[str, ...] = ()
    logs: str = ""


class Manager(Protocol):
    """One service manager; `key` is a Description's."""

    def install(self, description: Description, holder: int | None) -> ServiceState:
        """Writes the service's file and has it started, now and at each login.

        `holder` is the pid of the daemon that runs the project, None where none does: AlreadyRunning where it
        is not this service's. Raises ServiceManagerError, with the file written, where it is not started.
        """

    def uninstall(self, key: str) -> tuple[tuple[str, ...], str]:
        """Stops the service and removes its files: their paths, and why the manager could not be asked, ''
        where it was."""

    def state(self, key: str, root: Path) -> ServiceState:
        """How the service is; never raises."""


def caller(environ: Mapping[str, str]) -> Call:
    """Runs commands with this environment, in words and times that programs read."""
    spoken = {**environ, "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}

    def call(command: Sequence[str], bound: float) -> Answer:
        try:
            done = subprocess.run(
                command,
                env=spoken,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=bound,
                check=False,
            )
        except FileNotFoundError:
            return Answer(127, err=f"{command[0]} is not installed")
        except OSError as error:
            return Answer(127, err=f"{command[0]}: {error.strerror or error}")
        except subprocess.TimeoutExpired:
            return Answer(124, err=f"{command[0]} did not end within {bound:.0f} s")
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


def write_whole(path: Path, content: bytes) -> None:
    """Puts `content` at `path`, all of it or nothing, for its owner only (a proxy's address may hold a
    password); raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
