"""A survey sees what a scan sees, and reads nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from devbox.errors import ContextError
from devbox.model import Kind
from devbox.watch import Scanner, has_rules, hints, survey, try_watching


def written(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def test_it_has_the_paths_sizes_and_times_of_a_scan(tmp_path: Path) -> None:
    root = written(tmp_path, "Dockerfile", "app/main.py", "app/deep/er/x", "node_modules/a/b", "keep/no/yes")
    (root / ".dockerignore").write_text("node_modules\nkeep\n!keep/no/yes\n")
    (root / "link").symlink_to("app")
    os.utime(root / "app/main.py", (4_000_000_000, 4_000_000_000))
    scanner = Scanner(root)
    scanned = scanner.scan()
    found = survey(root, root / "Dockerfile", threading.Event())
    assert found is not None
    assert list(found.snapshot.entries) == list(scanned.entries)
    for path, entry in scanned.entries.items():
        seen = found.snapshot.entries[path]
        assert (seen.kind, seen.size, seen.mtime) == (entry.kind, entry.size, entry.mtime)
        assert not seen.digest
    assert found.snapshot.entries["app/main.py"].mtime == 4_000_000_000
    assert set(found.directories) == set(scanner.directories)
    assert (found.ignore_file, found.ignore_folder) == (".dockerignore", root)


def test_what_nobody_may_read_is_seen_all_the_same(tmp_path: Path) -> None:
    root = written(tmp_path, "secret")
    (root / "secret").chmod(0)
    found = survey(root, root / "Dockerfile", threading.Event())
    assert found is not None
    assert found.snapshot.entries["secret"].kind is Kind.FILE


def test_the_ignore_file_beside_the_dockerfile_is_named(tmp_path: Path) -> None:
    root = written(tmp_path, "docker/Dockerfile", "docker/Dockerfile.dockerignore", ".dockerignore")
    found = survey(root, root / "docker/Dockerfile", threading.Event())
    assert found is not None
    assert (found.ignore_file, found.ignore_folder) == ("Dockerfile.dockerignore", root / "docker")


def test_it_stops_when_told_to(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert survey(written(tmp_path, "a"), tmp_path / "Dockerfile", stop) is None


def test_what_cannot_be_sent_is_refused_as_by_a_scan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ContextError, match="pipe"):
        survey(tmp_path, tmp_path / "Dockerfile", threading.Event())


def test_a_trial_watch_leaves_nothing_and_tells_why_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "app/main.py")
    assert try_watching(tmp_path, ["", "app"]) is None
    assert not [thread for thread in threading.enumerate() if thread.name == "devbox-watch"]

    def refused(*_: object, **__: object) -> None:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(hints, "RustNotify", refused)
    found = try_watching(tmp_path, ["", "app"])
    assert found is not None
    assert "sysctl" in found.hint


@pytest.mark.parametrize(
    ("name", "content", "has"),
    [
        (".dockerignore", ".git\n", True),
        (".dockerignore", "!x\n", True),
        (".dockerignore", "# nothing\n\n", False),
        ("Dockerfile.dockerignore", "x\n", True),
        ("README.md", "x\n", False),
    ],
)
def test_whether_an_ignore_file_says_anything(tmp_path: Path, name: str, content: str, has: bool) -> None:
    (tmp_path / name).write_text(content)
    assert has_rules(tmp_path, tmp_path / "Dockerfile") is has
