"""macOS' launchd, through launchctl."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from devbox.daemon.lock import state_directory
from devbox.daemon.unit.description import Description
from devbox.daemon.unit.launchd import label, plist
from devbox.daemon.unit.managers import (
    ASKED,
    LOG_LINES,
    STARTED,
    STOPPED,
    Answer,
    Call,
    ServiceState,
    caller,
    write_whole,
)
from devbox.errors import AlreadyRunning, ServiceManagerError

_LOG = "service.log"
_PID = re.compile(r"^\s*pid = (\d+)$", re.MULTILINE)
_STATE = re.compile(r"^\s*state = (.+)$", re.MULTILINE)


class Launchd:
    """A Manager whose jobs are property lists in ~/Library/LaunchAgents."""

    def __init__(self, environ: Mapping[str, str], call: Call | None = None, uid: int | None = None) -> None:
        self._folder = Path.home() / "Library/LaunchAgents"
        self._domain = f"gui/{os.getuid() if uid is None else uid}"
        self._call = call or caller(environ)

    def install(self, description: Description, holder: int | None) -> ServiceState:
        """See Manager."""
        path = self._folder / f"{label(description)}.plist"
        running = [pid for item in self._files(description.key) if (pid := self._pid(item))]
        if holder is not None and holder not in running:
            raise AlreadyRunning(
                "another devbox runs this project",
                cause=f"process {holder}",
                hint="stop it with devbox down, then install again",
            )
        for item in self._files(description.key):
            self._remove(item)
        log = _log_file(description.root)
        try:
            log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, plist(description, log))
        except OSError as error:
            raise ServiceManagerError(
                f"{path} cannot be written", cause=error.strerror or str(error)
            ) from error
        done = self._launchctl("bootstrap", self._domain, str(path), bound=STARTED)
        if done.code:
            raise ServiceManagerError(
                f"{path} is written, but launchd does not start it",
                cause=done.reason,
                hint=shlex.join(("launchctl", "bootstrap", self._domain, str(path))),
            )
        return self.state(description.key, description.root)

    def uninstall(self, key: str) -> tuple[tuple[str, ...], str]:
        """See Manager."""
        found = self._files(key)
        problems = [self._remove(path) for path in found]
        return tuple(str(path) for path in found), next(filter(None, problems), "")

    def state(self, key: str, root: Path) -> ServiceState:
        """See Manager."""
        found = self._files(key)
        if not found:
            return ServiceState(str(root), "launchd", "", "", installed=False)
        path, log = found[0], _log_file(root)
        known = ServiceState(
            str(root),
            "launchd",
            path.stem,
            str(path),
            installed=True,
            log=_last_lines(log),
            logs=shlex.join(("tail", "-n", "50", str(log))),
        )
        printed = self._launchctl("print", f"{self._domain}/{path.stem}")
        if printed.code == 127:
            return replace(known, problem=printed.reason)
        state = _STATE.search(printed.out)
        active = "inactive" if printed.code or state is None else state[1]
        # A job that is loaded is started at each login.
        return replace(known, enabled=not printed.code, active="active" if active == "running" else active)

    def _files(self, key: str) -> list[Path]:
        return sorted(self._folder.glob(f"dev.devbox.*.{key}.plist"))

    def _pid(self, path: Path) -> int | None:
        found = _PID.search(self._launchctl("print", f"{self._domain}/{path.stem}").out)
        return int(found[1]) if found else None

    def _remove(self, path: Path) -> str:
        """Why launchd could not be asked to end the job, '' where it was."""
        done = self._launchctl("bootout", f"{self._domain}/{path.stem}", bound=STOPPED)
        path.unlink(missing_ok=True)
        return done.reason if done.code == 127 else ""

    def _launchctl(self, *words: str, bound: float = ASKED) -> Answer:
        return self._call(("launchctl", *words), bound)


def _log_file(root: Path) -> Path:
    return state_directory(root) / _LOG


def _last_lines(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-LOG_LINES:])
