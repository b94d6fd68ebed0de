"""One daemon per project, whatever way the others end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devbox.daemon.lock import (
    ProjectLock,
    holder,
    make_runtime_directory,
    remove_runtime_directory,
    runtime_directories,
    runtime_directory,
)
from devbox.errors import AlreadyRunning, ConfigError
from devbox.gate.lock import PATH_BYTES

HOLD = """
import sys, time
from pathlib import Path
from devbox.daemon.lock import ProjectLock
with ProjectLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it is told otherwise."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def test_the_file_names_its_holder(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    assert holder(directory) is None
    with ProjectLock(directory):
        assert holder(directory) == os.getpid()
    assert holder(directory) is None
    with ProjectLock(directory):
        assert (directory / "lock").read_text() == str(os.getpid())


def test_a_second_process_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with another(tmp_path) as process:
        assert holder(tmp_path) == process.pid
        with pytest.raises(AlreadyRunning) as caught, ProjectLock(tmp_path):
            pass
        assert caught.value.cause == f"process {process.pid}"
        assert caught.value.exit_code == 4
        assert "devbox down" in caught.value.hint


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_any_death_frees_it(tmp_path: Path, number: signal.Signals) -> None:
    with another(tmp_path) as process:
        process.send_signal(number)
        process.wait(10)
        assert holder(tmp_path) is None
        with ProjectLock(tmp_path):
            assert holder(tmp_path) == os.getpid()


def test_a_child_does_not_keep_it(tmp_path: Path) -> None:
    with ProjectLock(tmp_path):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with ProjectLock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait(10)


@pytest.mark.parametrize("content", [b"", b"12345678", b"not a number", b"\xff\xfe" * 40])
def test_what_a_dead_one_left_does_not_matter(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lock").write_bytes(content)
    assert holder(tmp_path) is None
    with ProjectLock(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_holder_that_has_not_written_its_number_yet_is_one_all_the_same(tmp_path: Path) -> None:
    with ProjectLock(tmp_path):
        os.truncate(tmp_path / "lock", 0)
        assert holder(tmp_path) is None
        with pytest.raises(AlreadyRunning, match="process unknown"), ProjectLock(tmp_path):
            pass


def test_one_that_ends_may_take_the_folder_away(tmp_path: Path) -> None:
    directory = tmp_path / "base" / "project"
    with ProjectLock(directory):
        shutil.rmtree(tmp_path / "base")
        # Nobody holds the file that is there now.
        with ProjectLock(directory):
            assert holder(directory) == os.getpid()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "file"])
def test_it_is_held_by_the_file_that_others_look_at_whatever_was_removed(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr("devbox.daemon.lock.PATH_BYTES", 4096)
    directory = make_runtime_directory(tmp_path)
    with ProjectLock(directory) as lock:
        lock.renew()
        assert holder(directory) == os.getpid()
        if whole:
            shutil.rmtree(directory.parent)
        else:
            (directory / "lock").unlink()
        assert holder(directory) is None
        lock.renew()
        assert holder(directory) == os.getpid()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert holder(directory) is None


def test_it_is_left_to_who_took_it_meanwhile_and_waits_for_a_place_to_be(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devbox.daemon.lock.PATH_BYTES", 4096)
    directory = make_runtime_directory(tmp_path)
    with ProjectLock(directory) as lock:
        (directory / "lock").unlink()
        with another(directory) as other:
            lock.renew()
            assert holder(directory) == other.pid
        shutil.rmtree(runtime)
        lock.renew()
        assert not runtime.exists()
        runtime.mkdir()
        lock.renew()
        assert holder(directory) == os.getpid()


def test_never_two_at_once_though_each_takes_the_file_away(tmp_path: Path) -> None:
    """Eight threads hold, remove and let go; flock tells them apart, for each opens the file itself."""
    directory = tmp_path / "base" / "project"
    inside: list[int] = []
    most: list[int] = []
    taken = 0
    guard = threading.Lock()
    stop = time.monotonic() + 1.0

    def work(number: int) -> None:
        nonlocal taken
        while time.monotonic() < stop:
            try:
                with ProjectLock(directory):
                    with guard:
                        inside.append(number)
                        most.append(len(inside))
                        taken += 1
                    with guard:
                        inside.remove(number)
                    # From here on another may enter, though this one still holds what is gone.
                    (directory / "lock").unlink()
            except AlreadyRunning:
                continue

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert taken > 20
    assert max(most) == 1


def test_asking_for_the_holder_keeps_nobody_from_starting(tmp_path: Path) -> None:
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            holder(tmp_path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            with ProjectLock(tmp_path):
                pass
    finally:
        done.set()
        asking.join(10)


def test_a_projects_folder_is_found_again_and_is_its_own(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert runtime_directory(tmp_path / "a") == runtime_directory(tmp_path / "link")
    assert runtime_directory(tmp_path / "a") != runtime_directory(tmp_path / "b")
    assert runtime_directory(tmp_path / "a").is_relative_to(runtime)
    long = tmp_path / ("x" * 200) / ("y" * 200)
    assert len(runtime_directory(long).name) == 16


def test_it_is_private(runtime: Path, tmp_path: Path) -> None:
    path = make_runtime_directory(tmp_path)
    assert path == make_runtime_directory(tmp_path)
    for folder in (path, path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path.chmod(0o777)
    make_runtime_directory(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_link_in_its_place_is_refused(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    runtime.mkdir()
    (runtime / "devbox").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="belongs to another user"):
        make_runtime_directory(tmp_path)


@pytest.mark.parametrize("prepared", ["devbox", "devbox/{name}"])
def test_nobody_is_asked_or_ended_by_what_another_user_prepared(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: str
) -> None:
    path = runtime_directory(tmp_path)
    path.mkdir(parents=True)
    theirs = runtime / prepared.format(name=path.name)
    ours = os.getuid()
    lstat = Path.lstat

    def owned(self: Path) -> os.stat_result:
        fields = list(lstat(self))
        fields[stat.ST_UID] = ours + 1 if self == theirs else ours
        return os.stat_result(fields)

    monkeypatch.setattr(Path, "lstat", owned)
    for look in (runtime_directory, make_runtime_directory, remove_runtime_directory):
        with pytest.raises(ConfigError, match=f"{theirs.name} belongs to another user") as caught:
            look(tmp_path)
        assert "XDG_RUNTIME_DIR" in caught.value.hint
    if prepared == "devbox":
        with pytest.raises(ConfigError, match="belongs to another user"):
            runtime_directories()


@pytest.mark.parametrize(("beyond", "fits"), [(0, True), (1, False)])
def test_a_path_too_long_for_a_socket_is_said_before_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beyond: int, fits: bool
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        rest = PATH_BYTES - len(f"{short}//devbox/{'0' * 16}/gate.sock")
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"{short}/{'x' * (rest + beyond)}")
        if fits:
            path = make_runtime_directory(tmp_path) / "gate.sock"
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        else:
            with pytest.raises(ConfigError, match="cannot hold a socket") as caught:
                make_runtime_directory(tmp_path)
            assert f"{PATH_BYTES} bytes" in caught.value.cause
            assert "shorter" in caught.value.hint


def test_a_place_that_cannot_be_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="cannot be made") as caught:
        make_runtime_directory(tmp_path)
    assert "XDG_RUNTIME_DIR" in caught.value.hint


def test_the_last_project_takes_the_folder_of_all_away(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = make_runtime_directory(tmp_path / "a"), make_runtime_directory(tmp_path / "b")
    (first / "lock").touch()
    remove_runtime_directory(tmp_path / "a")
    assert not first.exists()
    assert second.exists()
    remove_runtime_directory(tmp_path / "b")
    remove_runtime_directory(tmp_path / "b")
    assert not (runtime / "devbox").exists()


def test_without_a_session_it_lies_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 987654)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert runtime_directory(tmp_path).parent == tmp_path / "devbox-987654"
    for value in ("", "relative/path"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert runtime_directory(tmp_path).parent == tmp_path / "devbox-987654"
