"""A scan near the hints, held against a scan of everything by somebody who never looked before."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from devbox.errors import ContextError
from devbox.watch import Scanner
from devbox.watch.hinted import Hinted

_PATHS = st.sampled_from(
    (
        "a",
        "b",
        "Dockerfile",
        ".env",
        "dir",
        "dir/a",
        "dir/b",
        "dir/sub",
        "dir/sub/a",
        "d2",
        "d2/a",
        "out",
        "out/a",
        "out/in",
        "out/in/a",
        ".dockerignore",
    )
)
_RULES = "out\n!out/in\n*.log\n"
_CHANGES = st.one_of(
    st.tuples(st.just("write"), _PATHS, st.sampled_from(("1", "2", _RULES))),
    st.tuples(st.just("write"), _PATHS, st.sampled_from(("1", "2"))),
    st.tuples(st.just("remove"), _PATHS, st.just("")),
    st.tuples(st.just("rename"), _PATHS, _PATHS),
    st.tuples(st.just("folder"), _PATHS, st.just("")),
    st.tuples(st.just("chmod"), _PATHS, st.sampled_from(("700", "755"))),
    st.tuples(st.just("link"), _PATHS, _PATHS),
    st.tuples(st.just("socket"), _PATHS, st.just("")),
)


def _change(root: Path, what: str, name: str, other: str) -> set[str]:
    """Makes the change, and gives the paths of which the operating system would tell."""
    path = root / name
    # Through a link something else is changed, and told of.
    told = {os.path.realpath(path)} if what in {"write", "chmod"} else {_place(path)}
    try:
        match what:
            case "write":
                path.write_text(other)
            case "remove":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            case "rename":
                path.rename(root / other)
                told.add(_place(root / other))
            case "folder":
                path.mkdir()
                (path / "a").write_text("1")
            case "chmod":
                path.chmod(int(other, 8))
            case "link":
                path.symlink_to(other)
            case "socket":
                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(os.path.relpath(path))
    except OSError:
        return set()
    return told


def _place(path: Path) -> str:
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - as the system tells it


@given(st.lists(st.lists(_CHANGES, min_size=1, max_size=3), min_size=1, max_size=6))
@settings(max_examples=100)
def test_it_sees_what_a_whole_scan_sees_or_nothing(rounds: list[list[tuple[str, str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name in ("dir/sub", "d2", "out/in"):
            (root / name).mkdir(parents=True)
        for name in ("a", "dir/a", "dir/sub/a", "out/a", "out/in/a"):
            (root / name).write_text("0")
        (root / ".dockerignore").write_text(_RULES)
        scanner = Scanner(root)
        hinted = Hinted(str(root), frozenset())
        scanner.scan()
        hinted.take(())
        for changes in rounds:
            for change in changes:
                hinted.add(_change(root, *change))
            if not _compare(scanner, hinted.take(scanner.directories), Scanner(root)):
                return


def _compare(scanner: Scanner, near: frozenset[str] | None, other: Scanner) -> bool:
    """Whether there is anything to be seen, which both then see."""
    assert near is not None
    found = scanner.scan_near(near)
    try:
        whole = other.scan()
    except ContextError:
        assert found is None
        return False
    event("near" if found else "whole")
    found = found or scanner.scan()
    assert found == whole
    assert list(found.entries) == list(whole.entries)
    assert scanner.directories == other.directories
    return True


def test_a_change_elsewhere_is_not_seen_until_a_whole_scan(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("0")
    scanner = Scanner(tmp_path)
    before = scanner.scan()
    (tmp_path / "one" / "file").write_text("1")
    (tmp_path / "two" / "file").write_text("1")
    near = scanner.scan_near({"one"})
    assert near is not None
    assert near.entries["two/file"] == before.entries["two/file"]
    assert near.entries["one/file"] != before.entries["one/file"]
    whole = scanner.scan()
    assert whole == Scanner(tmp_path).scan()
    assert whole.digest not in {near.digest, before.digest}


def test_nothing_changed_is_the_very_same_snapshot(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("0")
    scanner = Scanner(tmp_path)
    first = scanner.scan()
    assert scanner.scan_near({""}) is first
    assert scanner.scan() is first


def test_what_cannot_be_told_by_hints_is_everything() -> None:
    hinted = Hinted("/p", frozenset({"/etc/settings"}))
    assert hinted.take(()) is None
    hinted.add(["/p/a/b", "/p/a/c", "/p/d", "/elsewhere/x"])
    assert hinted.take({"", "a", "d"}) == frozenset({"a", "", "d"})
    assert hinted.take(()) == frozenset()
    hinted.add(["/p/a", "/etc/settings"])
    assert hinted.take(()) is None
    hinted.add(f"/p/{number}" for number in range(1000))
    assert hinted.take(()) is None
    hinted.everything()
    assert hinted.take(()) is None
