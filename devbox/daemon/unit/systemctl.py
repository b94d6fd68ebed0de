"""The user's own systemd, through systemctl, loginctl and journalctl."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from devbox.daemon.unit.description import Description
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
from devbox.daemon.unit.systemd import unit_name, unit_text
from devbox.errors import AlreadyRunning, ServiceManagerError

_WANTED_BY = "default.target.wants"
_PROPERTIES = ("ActiveState", "ActiveEnterTimestamp", "MainPID", "StatusText")
_TIME = "%a %Y-%m-%d %H:%M:%S UTC"


class Systemd:
    """A Manager whose units are files in the user's own folder for them."""

    def __init__(self, environ: Mapping[str, str], call: Call | None = None, uid: int | None = None) -> None:
        self._uid = os.getuid() if uid is None else uid
        given = Path(environ.get("XDG_CONFIG_HOME", ""))
        self._folder = (given if given.is_absolute() else Path.home() / ".config") / "systemd/user"
        usual = f"/run/user/{self._uid}"
        if not environ.get("XDG_RUNTIME_DIR") and Path(usual, "systemd").is_dir():
            # After su or in cron: the instance is there, and only the variable that leads to it is missing.
            environ = {**environ, "XDG_RUNTIME_DIR": usual}
        self._call = call or caller(environ)

    def install(self, description: Description, holder: int | None) -> ServiceState:
        """See Manager."""
        name = unit_name(description)
        path = self._folder / name
        problem = self._problem()
        if not problem:
            self._refuse_another(description.key, holder)
        former = [item for item in self._files(description.key) if item.name != name]
        for item in former:
            self._remove(item, ask=not problem)
        try:
            write_whole(path, unit_text(description).encode())
        except OSError as error:
            raise ServiceManagerError(
                f"{path} cannot be written", cause=error.strerror or str(error)
            ) from error
        by_hand = f"systemctl --user daemon-reload\nsystemctl --user enable --now {name}"
        if problem:
            where = "log in as this user, not by su or sudo: systemd starts its instance then; there"
            raise ServiceManagerError(
                f"{path} is written, but no systemd user instance answers",
                cause=problem,
                hint=f"{where}:\n{by_hand}\nwithout systemd, devbox up -d runs it until the machine stops",
            )
        for words in (("daemon-reload",), ("enable", name)):
            done = self._systemctl(*words)
            if done.code:
                raise ServiceManagerError(
                    f"{path} is written, but systemd does not enable it", cause=done.reason, hint=by_hand
                )
        # Not `enable --now`: a service that runs already has to take what is new in its unit.
        done = self._systemctl("restart", name, bound=description.stop_within + STARTED)
        if done.code:
            log = self._log(name)
            raise ServiceManagerError(
                f"{name} is installed, but does not start",
                cause="\n".join(log) or done.reason,
                hint=f"{_journal(name)}; devbox service install again when it is mended",
            )
        return self.state(description.key, description.root)

    def uninstall(self, key: str) -> tuple[tuple[str, ...], str]:
        """See Manager."""
        found = self._files(key)
        problem = self._problem() if found else ""
        for path in found:
            self._remove(path, ask=not problem)
        if found and not problem:
            self._systemctl("daemon-reload")
        return tuple(str(path) for path in found), problem

    def state(self, key: str, root: Path) -> ServiceState:
        """See Manager."""
        found = self._files(key)
        if not found:
            return ServiceState(str(root), "systemd", "", "", installed=False, lingers=self._lingers())
        path = found[0]
        wanted = path.parent / _WANTED_BY / path.name
        known = ServiceState(
            str(root),
            "systemd",
            path.name,
            str(path),
            installed=True,
            enabled=wanted.is_symlink(),
            lingers=self._lingers(),
            logs=_journal(path.name),
        )
        problem = self._problem()
        if problem:
            return replace(known, problem=problem)
        shown = self._properties(path.name)
        return replace(
            known,
            active=shown.get("ActiveState", ""),
            since=_seconds(shown.get("ActiveEnterTimestamp", "")),
            status=shown.get("StatusText", ""),
            log=self._log(path.name),
        )

    def _files(self, key: str) -> list[Path]:
        """The units of a project's folder, whatever the project was called when they were written."""
        return sorted(self._folder.glob(f"devbox-*-{key}.service"))

    def _remove(self, path: Path, *, ask: bool) -> None:
        if ask:
            self._systemctl("disable", "--now", path.name, bound=STOPPED)
        (path.parent / _WANTED_BY / path.name).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        if ask:
            self._systemctl("reset-failed", path.name)

    def _refuse_another(self, key: str, holder: int | None) -> None:
        if holder is None:
            return
        for path in self._files(key):
            if self._properties(path.name).get("MainPID") == str(holder):
                return
        raise AlreadyRunning(
            "another devbox runs this project",
            cause=f"process {holder}",
            hint="stop it with devbox down, then install again",
        )

    def _problem(self) -> str:
        """Why the user's instance cannot be asked, '' where it can."""
        done = self._systemctl("show-environment")
        return done.reason if done.code else ""

    def _properties(self, name: str) -> dict[str, str]:
        done = self._systemctl("show", name, f"--property={','.join(_PROPERTIES)}")
        pairs = (line.partition("=") for line in done.out.splitlines())
        return {key: value for key, _, value in pairs}

    def _log(self, name: str) -> tuple[str, ...]:
        command = ("journalctl", "--user", "-u", name, "-n", str(LOG_LINES), "-o", "cat", "--no-pager", "-q")
        done = self._call(command, ASKED)
        return () if done.code else tuple(done.out.splitlines()[-LOG_LINES:])

    def _lingers(self) -> bool | None:
        """Whether the user's instance runs without a login; None where nobody tells."""
        done = self._call(("loginctl", "show-user", str(self._uid), "--property=Linger", "--value"), ASKED)
        if done.code == 0 and done.out.strip() in ("yes", "no"):
            return done.out.strip() == "yes"
        # It knows only who is logged in, or lingers.
        return False if "not logged in" in done.err else None

    def _systemctl(self, *words: str, bound: float = ASKED) -> Answer:
        return self._call(("systemctl", "--user", *words), bound)


def _journal(name: str) -> str:
    return shlex.join(("journalctl", "--user", "-u", name, "-n", "50"))


def _seconds(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp()
    return None
