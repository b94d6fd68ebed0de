"""What a snapshot holds, and that remembering never changes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.digest import file_digest
from devbox.errors import ContextError
from devbox.model import Entry, Kind
from devbox.watch import Scanner, contents, statcache
from devbox.watch.contents import ScanStopped


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print()\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def _aged(path: Path) -> None:
    """Makes a path look as if nobody had touched it for long, which no user can do to a change time."""
    past = time.time() - 100
    os.utime(path, (past, past), follow_symlinks=False)


@pytest.fixture
def nothing_is_young(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statcache, "_YOUNG_NS", -(10**18))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose content was read, as they were read."""
    read: list[str] = []
    really = contents.read_file

    def reading(path: str, stop: threading.Event, *, follow: bool = False) -> contents.Reading:
        read.append(Path(path).name)
        return really(path, stop, follow=follow)

    monkeypatch.setattr(statcache, "read_file", reading)
    return read


def test_files_directories_and_links_are_entries(project: Path) -> None:
    (project / "app" / "main.py").chmod(0o640)
    (project / "app").chmod(0o750)
    (project / "empty").mkdir(mode=0o755)
    (project / "link").symlink_to("app/main.py")
    (project / "to directory").symlink_to("app")
    (project / "dangling").symlink_to("nowhere")

    entries = Scanner(project).scan().entries

    assert entries["app"] == Entry(Kind.DIRECTORY, 0o750)
    assert entries["app/main.py"] == Entry(Kind.FILE, 0o640, file_digest([b"print()\n"]), 8)
    assert entries["empty"].kind is Kind.DIRECTORY
    assert entries["link"] == Entry(Kind.SYMLINK, 0o777, file_digest([b"app/main.py"]))
    assert {entries["to directory"].kind, entries["dangling"].kind} == {Kind.SYMLINK}
    assert "to directory/main.py" not in entries
    assert list(entries) == sorted(entries)


@pytest.mark.parametrize(
    "name",
    [
        "new\nline",
        "tab\t",
        "ünïcödé",
        "\U0001f40d",
        "n" * 200,
        " ",
        "-rf",
        "$(x)",
        os.fsdecode(b"\xff\xfe"),
        "a\\b",
    ],
)
def test_odd_names_are_names(project: Path, name: str) -> None:
    (project / name).mkdir()
    (project / name / name).write_text("x")
    scanner = Scanner(project)
    entries = scanner.scan().entries
    assert entries[f"{name}/{name}"].digest == file_digest([b"x"])
    assert scanner.scan().entries == entries


def test_a_tree_may_be_deeper_than_the_stack(project: Path) -> None:
    deep = str(project)
    for _ in range(1200):
        deep += "/d"
        os.mkdir(deep)  # noqa: PTH102 - a Path this long costs a deep recursion itself
    try:
        assert len(Scanner(project).scan().entries) == 1203
    finally:
        subprocess.run(["rm", "-rf", project / "d"], check=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "app" / "main.py").write_text("print(1)"),
        lambda root: (root / "app" / "main.py").write_text("PRINT()\n"),
        lambda root: (root / "app" / "main.py").chmod(0o755),
        lambda root: (root / "app" / "main.py").unlink(),
        lambda root: (root / "app" / "main.py").rename(root / "app" / "other.py"),
        lambda root: (root / "app").chmod(0o700),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "link").symlink_to("app"),
        lambda root: (root / ".dockerignore").write_text("app\n"),
        lambda root: (root / "Dockerfile").write_text("FROM debian\n"),
    ],
)
def test_every_change_changes_the_digest(project: Path, change: object) -> None:
    scanner = Scanner(project)
    before = scanner.scan()
    assert callable(change)
    change(project)
    assert scanner.scan().digest != before.digest
    assert scanner.scan() == Scanner(project).scan()


def test_a_touch_changes_nothing(project: Path) -> None:
    scanner = Scanner(project)
    before = scanner.scan()
    os.utime(project / "app" / "main.py")
    (project / "app" / "main.py").write_text("print()\n")
    assert scanner.scan() == before


def test_the_place_of_the_project_does_not_matter(tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "another/below"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a").write_text("a")
        digests.add(Scanner(tmp_path / place).scan().digest)
    assert len(digests) == 1


def test_an_ignored_dockerfile_counts_without_being_an_entry(project: Path) -> None:
    (project / ".dockerignore").write_text("Dockerfile\n")
    scanner = Scanner(project)
    before = scanner.scan()
    assert "Dockerfile" not in before.entries
    (project / "Dockerfile").write_text("FROM debian\n")
    after = scanner.scan()
    assert after.entries == before.entries
    assert after.digest != before.digest


def test_a_dockerfile_outside_of_the_context_counts_too(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dockerfile = tmp_path_factory.mktemp("outside") / "Dockerfile"
    scanner = Scanner(project, dockerfile)
    absent = scanner.scan()
    dockerfile.write_text("FROM scratch\n")
    assert scanner.scan().digest != absent.digest


def test_an_unchanged_context_is_the_same_snapshot_and_nothing_is_read(
    project: Path, nothing_is_young: None, readings: list[str]
) -> None:
    scanner = Scanner(project)
    first = scanner.scan()
    assert sorted(readings) == ["Dockerfile", "main.py"]
    assert scanner.scan() is first
    assert len(readings) == 2

    (project / "app" / "main.py").write_text("print(2)\n")
    scanner.scan()
    assert readings[2:] == ["main.py"]


def test_what_was_young_when_it_was_read_is_read_again(project: Path, readings: list[str]) -> None:
    scanner = Scanner(project)
    scanner.scan()
    scanner.scan()
    assert sorted(readings) == ["Dockerfile", "Dockerfile", "main.py", "main.py"]


def test_a_young_file_with_unchanged_status_is_seen_to_change(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes within one tick of the file system's clock look the same to stat."""
    monkeypatch.setattr(contents, "key_of", lambda status: (0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(statcache, "key_of", lambda status: (0, 0, 0, 0, 0, 0))
    scanner = Scanner(project)
    before = scanner.scan()
    (project / "app" / "main.py").write_text("PRINT()\n")
    assert scanner.scan().digest != before.digest


def test_a_file_written_while_it_is_read_is_read_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = contents.read_file
    target = project / "app" / "main.py"
    left = [2]

    def disturbed(path: str, stop: threading.Event, *, follow: bool = False) -> contents.Reading:
        reading = really(path, stop, follow=follow)
        if path == str(target) and left[0]:
            left[0] -= 1
            target.write_text("x" * left[0])
            return contents.Reading(reading.digest, reading.status, steady=False)
        return reading

    monkeypatch.setattr(statcache, "read_file", disturbed)
    assert Scanner(project).scan().entries["app/main.py"] == Entry(Kind.FILE, 0o644, file_digest([b""]), 0)


def test_a_file_that_never_rests_does_not_hold_the_scan_up(
    project: Path, nothing_is_young: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = contents.read_file
    count = [0]

    def restless(path: str, stop: threading.Event, *, follow: bool = False) -> contents.Reading:
        reading = really(path, stop, follow=follow)
        if path.endswith("main.py"):
            count[0] += 1
            return contents.Reading(reading.digest, reading.status, steady=False)
        return reading

    monkeypatch.setattr(statcache, "read_file", restless)
    scanner = Scanner(project)
    assert "app/main.py" in scanner.scan().entries
    assert count[0] == 3
    scanner.scan()
    assert count[0] == 6, "what was read last must not be trusted"


def test_what_vanishes_during_the_scan_is_left_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = contents.read_file

    def vanishing(path: str, stop: threading.Event, *, follow: bool = False) -> contents.Reading:
        if path.endswith("main.py"):
            Path(path).unlink()
        return really(path, stop, follow=follow)

    monkeypatch.setattr(statcache, "read_file", vanishing)
    assert set(Scanner(project).scan().entries) == {"app", "Dockerfile"}


def test_what_turns_into_a_link_or_a_pipe_is_never_followed_and_never_hangs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = contents.read_file

    def turning(path: str, stop: threading.Event, *, follow: bool = False) -> contents.Reading:
        if not follow:
            Path(path).unlink()
            if path.endswith("main.py"):
                Path(path).symlink_to("/etc/passwd")
            else:
                os.mkfifo(path)
        return really(path, stop, follow=follow)

    monkeypatch.setattr(statcache, "read_file", turning)
    entries = Scanner(project).scan().entries
    assert entries["app/main.py"] == Entry(Kind.SYMLINK, 0o777, file_digest([b"/etc/passwd"]))
    assert "Dockerfile" not in entries


def test_a_socket_is_skipped_and_said(project: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(project / "s"))
        snapshot = Scanner(project).scan()
    assert "s" not in snapshot.entries
    assert snapshot.skipped == (("s", "a socket"),)


def test_a_pipe_is_refused_by_name_unless_it_is_ignored(project: Path) -> None:
    os.mkfifo(project / "app" / "pipe")
    with pytest.raises(ContextError, match="app/pipe") as refused:
        Scanner(project).scan()
    assert (refused.value.path, refused.value.cause) == ("app/pipe", "it is a named pipe")
    (project / ".dockerignore").write_text("**/pipe\n")
    assert "app/pipe" not in Scanner(project).scan().entries


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices")
def test_a_device_is_refused_by_name(project: Path) -> None:
    os.mknod(project / "null", 0o20666, os.makedev(1, 3))
    with pytest.raises(ContextError, match="null"):
        Scanner(project).scan()


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A directory that other users may read, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("locked", ["app", "app/main.py"])
def test_what_cannot_be_read_is_named_unless_it_is_ignored(everybodys: Path, locked: str) -> None:
    project = everybodys
    (project / "app").mkdir()
    (project / "app" / "main.py").touch()
    (project / "Dockerfile").touch()
    (project / locked).chmod(0)
    script = f"""
        import os, sys
        from pathlib import Path
        os.geteuid() or os.seteuid(65534)
        from devbox.errors import ContextError
        from devbox.watch.scanner import Scanner
        try:
            print(sorted(Scanner(Path({str(project)!r})).scan().entries))
        except ContextError as error:
            print(error.path, error.cause)
    """

    def answer() -> str:
        command = [
            sys.executable,
            "-c",
            "from devbox.watch.scanner import Scanner\n" + textwrap.dedent(script),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    assert answer() == f"{locked} Permission denied"
    (project / ".dockerignore").write_text("app\n!app/none\n")
    assert answer() == "['.dockerignore', 'Dockerfile']"


def test_a_context_that_is_gone_is_an_error_and_may_come_back(project: Path) -> None:
    scanner = Scanner(project / "app")
    before = scanner.scan()
    (project / "app").rename(project / "moved")
    with pytest.raises(ContextError, match=r"the build context .*/app is gone"):
        scanner.scan()
    (project / "moved").rename(project / "app")
    assert scanner.scan() == before


def test_a_failed_scan_is_forgotten(project: Path) -> None:
    scanner = Scanner(project)
    before = scanner.scan()
    (project / ".dockerignore").write_text("[\n")
    with pytest.raises(ContextError):
        scanner.scan()
    (project / ".dockerignore").unlink()
    assert scanner.scan() == before


def test_a_stopped_scan_ends_and_is_forgotten(project: Path) -> None:
    scanner = Scanner(project)
    before = scanner.scan()
    stop = threading.Event()
    stop.set()
    with pytest.raises(ScanStopped):
        scanner.scan(stop)
    assert scanner.scan() == before


def test_stopping_does_not_wait_for_the_end_of_a_large_file(project: Path) -> None:
    with (project / "large").open("wb") as large:
        large.truncate(20_000_000_000)  # without a block on the disk
    stop = threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    started = time.monotonic()
    with pytest.raises(ScanStopped):
        Scanner(project).scan(stop)
    timer.join()
    assert time.monotonic() - started < 3


def test_directories_looked_into_are_known_and_ignored_ones_are_not(project: Path) -> None:
    (project / ".venv" / "lib").mkdir(parents=True)
    (project / ".dockerignore").write_text(".venv\n")
    scanner = Scanner(project)
    scanner.scan()
    assert set(scanner.directories) == {"", "app"}
    assert scanner.directories[""].inode == project.stat().st_ino
    assert scanner.ignores(".venv/lib/x.py")
    assert not scanner.ignores("app/other.py")


def test_secrets_in_the_context_are_noticed_once(project: Path) -> None:
    for name in (".env", ".env.local", ".env.example", "server.pem", "id_rsa", "cacert.pem", "keys.py"):
        (project / name).touch()
    (project / ".git" / "hooks").mkdir(parents=True)
    (project / ".git" / "x.pem").touch()
    notices = Scanner(project).scan().notices
    assert [notice.split(" is part of")[0] for notice in notices] == [
        ".env and 1 more",
        ".git",
        ".git/x.pem and 2 more",
    ]
    (project / ".dockerignore").write_text(".env*\n.git\n*.pem\nid_rsa\n")
    assert Scanner(project).scan().notices == ()


_NAME = st.sampled_from(["a", "b", "c.py", "d.log", ".env"])
_PLACE = st.lists(_NAME, min_size=1, max_size=3).map("/".join)
_EDIT = st.one_of(
    st.tuples(st.just("write"), _PLACE, st.binary(max_size=4)),
    st.tuples(st.just("append"), _PLACE, st.binary(max_size=4)),
    st.tuples(st.just("mkdir"), _PLACE, st.just(b"")),
    st.tuples(st.just("link"), _PLACE, st.sampled_from([b"a", b"b/c.py"])),
    st.tuples(st.just("remove"), _PLACE, st.just(b"")),
    st.tuples(st.just("move"), _PLACE, st.sampled_from([b"a", b"b", b"c.py"])),
    st.tuples(st.just("mode"), _PLACE, st.sampled_from([b"\x01", b"\x02"])),
    st.tuples(st.just("backdate"), _PLACE, st.just(b"")),
    st.tuples(
        st.just("rules"),
        st.just(".dockerignore"),
        st.sampled_from([b"", b"*.log\n", b"a\n!a/b\n", b"**/b\n"]),
    ),
)


@settings(max_examples=60)
@given(edits=st.lists(st.lists(_EDIT, min_size=1, max_size=4), min_size=1, max_size=6))
def test_remembering_never_shows(
    tmp_path_factory: pytest.TempPathFactory, edits: list[list[tuple[str, str, bytes]]]
) -> None:
    root = tmp_path_factory.mktemp("edited")
    scanner = Scanner(root)
    for step in edits:
        for kind, path, data in step:
            _edit(root, kind, path, data)
        fresh = Scanner(root).scan()
        assert scanner.scan() == fresh
        assert scanner.scan() == fresh


def _edit(root: Path, kind: str, path: str, data: bytes) -> None:
    place = root / path
    try:
        if kind == "mkdir":
            place.mkdir(parents=True)
        elif kind in {"write", "rules"}:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        elif kind == "append":
            with place.open("ab") as stream:
                stream.write(data)
        elif kind == "link":
            place.symlink_to(os.fsdecode(data))
        elif kind == "remove":
            # Fails where a link on the way leads to itself, which is no edit either.
            subprocess.run(["rm", "-rf", place], check=False, stderr=subprocess.DEVNULL)
        elif kind == "move":
            place.rename(root / os.fsdecode(data))
        elif kind == "mode":
            place.chmod(0o700 + data[0])
        else:
            _aged(place)
    except OSError:
        return  # an edit that is impossible just now is no edit


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)
