"""One daemon per project: an flock on a file in the project's own runtime directory."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import platformdirs

from devbox.errors import AlreadyRunning, ConfigError
from devbox.gate.lock import PATH_BYTES
from devbox.place import canonical

# Whoever asks for the holder has the lock himself for a moment.
_ASKED_FOR_AT_MOST = 0.2
_ASK_AGAIN = 0.02
_LONGEST_NAME = "gate.sock"
_ELSEWHERE = "set XDG_RUNTIME_DIR to a folder of yours"


def runtime_directory(root: Path) -> Path:
    """Where a project's sockets and lock live: short, private, and found again from the canonical path.

    The project's path is hashed, since a unix socket's path may have 107 bytes at most. Raises ConfigError
    where what is there is another user's: what he put into it would tell whom to ask, and whom to end.
    """
    path = _base() / _name_of(root)
    _refuse_others(path.parent, path)
    return path


def runtime_directories() -> tuple[Path, ...]:
    """Those of every project of this user that devbox runs, or ran until it was killed; raises ConfigError
    as `runtime_directory` does."""
    _refuse_others(_base())
    try:
        return tuple(sorted(path for path in _base().iterdir() if path.is_dir()))
    except OSError:
        return ()


def _refuse_others(*folders: Path) -> None:
    for folder in folders:
        try:
            status = folder.lstat()
        except OSError:
            # Whoever makes it says why it cannot be there.
            continue
        if stat.S_ISLNK(status.st_mode) or status.st_uid != os.getuid():
            raise ConfigError(f"{folder} belongs to another user", hint=_ELSEWHERE)


def state_directory(root: Path) -> Path:
    """Where a project's journal lives: below the user's folder for state, under the same name."""
    return state_directory_of(Path(_name_of(root)))


def state_directory_of(directory: Path) -> Path:
    """That of the project whose runtime directory this is."""
    return platformdirs.user_state_path("devbox") / directory.name


def _name_of(root: Path) -> str:
    return hashlib.sha256(os.fsencode(canonical(root).resolve())).hexdigest()[:16]


def _base() -> Path:
    """The user's runtime directory, or a folder below the one for temporary files where a session has none
    (a container, cron, su)."""
    if sys.platform == "darwin":
        return platformdirs.user_runtime_path("devbox")
    # Not platformdirs: it leaves a directory that others may read for one below /tmp, and warns on stderr.
    given, usual = Path(os.environ.get("XDG_RUNTIME_DIR", "")), Path(f"/run/user/{os.getuid()}")
    if given.is_absolute():
        return given / "devbox"
    return usual / "devbox" if usual.is_dir() else Path(tempfile.gettempdir()) / f"devbox-{os.getuid()}"


def make_runtime_directory(root: Path) -> Path:
    """The project's runtime directory, made with mode 0700; raises ConfigError where it cannot be, or where
    the path of a socket in it would be over the limit."""
    path = runtime_directory(root)
    longest = len(os.fsencode(path / _LONGEST_NAME))
    if longest > PATH_BYTES:
        raise ConfigError(
            f"the runtime folder {path} cannot hold a socket",
            cause=f"a socket's path may have {PATH_BYTES} bytes, and there it would have {longest}",
            hint="set XDG_RUNTIME_DIR to a folder with a shorter path",
        )
    try:
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (path.parent, path):
            folder.mkdir(mode=0o700, exist_ok=True)
            _refuse_others(folder)
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            f"the runtime folder {path} cannot be made",
            cause=error.strerror or str(error),
            hint=_ELSEWHERE,
        ) from error
    return path


def remove_runtime_directory(root: Path) -> None:
    """Removes the project's runtime directory and, where it was the last one, the one above it."""
    path = runtime_directory(root)
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


class ProjectLock:
    """Held by the one daemon of a project, freed by any death of it; the file names the holder's pid.

    Entering raises AlreadyRunning where another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "lock"
        self._descriptor = -1

    def __enter__(self) -> ProjectLock:
        deadline = time.monotonic() + _ASKED_FOR_AT_MOST
        while (descriptor := self._take()) is None:
            if time.monotonic() >= deadline:
                raise AlreadyRunning(
                    "another devbox runs this project",
                    cause=f"process {holder(self.directory) or 'unknown'}",
                    hint="stop it with Ctrl-C in its terminal, or with devbox down",
                )
            time.sleep(_ASK_AGAIN)
        self._hold(descriptor)
        return self

    def renew(self) -> None:
        """Holds the lock by the file that others look at, also where somebody removed that one; does nothing
        where that cannot be now, or another process came first."""
        if _same_file(self._descriptor, self._path):
            return
        try:
            for folder in (self.directory.parent, self.directory):
                folder.mkdir(mode=0o700, exist_ok=True)
                _refuse_others(folder)
            descriptor = self._take()
        except (OSError, ConfigError):
            return
        if descriptor is not None:
            os.close(self._descriptor)
            self._hold(descriptor)

    def _hold(self, descriptor: int) -> None:
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def _take(self) -> int | None:
        """The locked descriptor, None where somebody else has the lock."""
        while True:
            # A daemon that is just ending may have taken the folder away.
            for folder in (self.directory.parent, self.directory):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _same_file(descriptor, self._path):
                return descriptor
            # It took the file away between our open and our lock.
            os.close(descriptor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def holder(directory: Path) -> int | None:
    """The pid of the daemon that holds the lock in this runtime directory, None where nobody does."""
    path = directory / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode(errors="replace")
        return int(text) if text.isdecimal() else None
    finally:
        os.close(descriptor)
    return None


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
