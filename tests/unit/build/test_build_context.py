"""The tar that is sent: what was hashed, byte for byte, or nothing."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.build.context import tar_stream
from devbox.errors import Superseded
from devbox.model import Entry, Kind, Snapshot

NAMES = [
    "main.py",
    "with space",
    "with\nnewline",
    "grüße-日本語-🐍",
    "x" * 100,
    "x" * 101,
    "y" * 250,
    "byte-\udcff",
    "-dash",
    "back\\slash",
    "./dot",
]


def look(root: Path) -> Snapshot:
    """A snapshot of everything below `root`, made without the watch room."""
    entries: dict[str, Entry] = {}
    for path in sorted(root.rglob("*")):
        name, mode = path.relative_to(root).as_posix(), path.lstat().st_mode & 0o7777
        if path.is_symlink():
            target = os.fsencode(path.readlink())
            entries[name] = Entry(Kind.SYMLINK, mode, hashlib.sha256(target).hexdigest())
        elif path.is_dir():
            entries[name] = Entry(Kind.DIRECTORY, mode)
        else:
            content = path.read_bytes()
            entries[name] = Entry(Kind.FILE, mode, hashlib.sha256(content).hexdigest(), len(content))
    return Snapshot(entries, "")


def sent(root: Path, snapshot: Snapshot | None = None, extra: dict[str, bytes] | None = None) -> bytes:
    return b"".join(tar_stream(root, snapshot or look(root), extra or {}))


def read(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="surrogateescape") as archive:
        return {member.name: member for member in archive}


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="surrogateescape") as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return stream.read()


def test_every_name_comes_back(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(f"I am {name!r}")
    deep = tmp_path / "/".join(["d" * 80] * 4)
    deep.mkdir(parents=True)
    (deep / "leaf").write_bytes(b"")
    data = sent(tmp_path)
    found = read(data)
    assert set(found) == set(look(tmp_path).entries)
    assert len(max(found, key=len)) > 300
    for name in NAMES:
        plain = Path(name).as_posix()
        assert content(data, plain) == f"I am {name!r}".encode()


def test_it_is_gnu_format_from_the_first_header_on(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("z" * 200)
    data = sent(tmp_path, extra={"Dockerfile": b"FROM x\n"})
    assert data[257:265] == b"ustar  \0"
    assert b"PaxHeader" not in data
    assert len(data) % 512 == 0
    assert data[-1024:] == bytes(1024)


def test_kinds_modes_links_and_times(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "script").chmod(0o755)
    os.utime(tmp_path / "script", (1_600_000_000, 1_600_000_000.75))
    (tmp_path / "empty").mkdir(mode=0o750)
    (tmp_path / "dangling").symlink_to("no/such/thing-\udcff")
    (tmp_path / "far").symlink_to("t" * 300)
    found = read(sent(tmp_path))
    script = found["script"]
    assert (script.mode, script.mtime, script.uid, script.gid) == (0o755, 1_600_000_000, 0, 0)
    assert (found["empty"].isdir(), found["empty"].mode) == (True, 0o750)
    assert (found["dangling"].issym(), found["dangling"].linkname) == (True, "no/such/thing-\udcff")
    assert found["far"].linkname == "t" * 300


def test_an_old_time_does_not_change_the_format(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    os.utime(tmp_path / "old", (-86400, -86400))
    assert read(sent(tmp_path))["old"].mtime == -86400


def test_nothing_is_a_tar_too(tmp_path: Path) -> None:
    assert sent(tmp_path) == bytes(1024)


def test_what_comes_besides_wins(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("on disk")
    (tmp_path / "main.py").write_text("x")
    data = sent(tmp_path, extra={"Dockerfile": b"as it was read", "more/.devbox.Dockerfile": b""})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
    assert sorted(names) == ["Dockerfile", "main.py", "more/.devbox.Dockerfile"]
    assert content(data, "Dockerfile") == b"as it was read"


def test_what_comes_besides_has_the_mode_it_has_on_disk(tmp_path: Path) -> None:
    """A Dockerfile that is copied into the image must be the same layer whoever sends it."""
    (tmp_path / "Dockerfile").write_text("on disk")
    (tmp_path / "Dockerfile").chmod(0o600)
    found = read(sent(tmp_path, extra={"Dockerfile": b"x", ".devbox.Dockerfile": b"x"}))
    assert found["Dockerfile"].mode == 0o600
    assert found[".devbox.Dockerfile"].mode == 0o644


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(repr(name))
    assert sent(tmp_path) == sent(tmp_path)


def test_a_big_file_is_streamed(tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    with (tmp_path / "big").open("wb") as stream:
        stream.truncate(size)
    snapshot = look(tmp_path)
    tracemalloc.start()
    try:
        digest, count, largest = hashlib.sha256(), 0, 0
        for piece in tar_stream(tmp_path, snapshot, {}):
            digest.update(piece)
            count += len(piece)
            largest = max(largest, len(piece))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 512 + size + 1024
    assert largest < 1024 * 1024
    assert peak < 4 * 1024 * 1024


def test_small_files_are_sent_in_few_pieces(tmp_path: Path) -> None:
    for count in range(500):
        (tmp_path / f"{count}.py").write_text("x = 1\n")
    pieces = list(tar_stream(tmp_path, look(tmp_path), {}))
    assert len(pieces) < 5


def remove(path: Path) -> None:
    path.unlink()


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def shrink(path: Path) -> None:
    path.write_bytes(b"")


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"a", b"b"))


def become_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def lose_parent(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    "change",
    [remove, grow, shrink, rewrite, become_link, become_directory, become_pipe, lose_parent],
    ids=lambda change: change.__name__,
)
@pytest.mark.parametrize("size", [1, 4096, 1_000_000])
def test_a_file_that_changed_since_the_look_ends_it(
    tmp_path: Path, change: Callable[[Path], None], size: int
) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "data"
    path.write_bytes(b"a" * size)
    snapshot = look(tmp_path)
    change(path)
    with pytest.raises(Superseded, match="folder/data changed"):
        sent(tmp_path, snapshot)


def test_an_empty_file_that_became_a_pipe_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.touch()
    snapshot = look(tmp_path)
    become_pipe(path)
    with pytest.raises(Superseded):
        sent(tmp_path, snapshot)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a" * 4096)
    snapshot = look(tmp_path)
    become_directory(tmp_path / "data")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is wanted
    for _ in range(20):
        with pytest.raises(Superseded):
            sent(tmp_path, snapshot)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names are all that is wanted


def test_a_file_cut_while_it_is_read_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"a" * 2_000_000)
    stream = tar_stream(tmp_path, look(tmp_path), {})
    next(stream)
    os.truncate(path, 600_000)
    with pytest.raises(Superseded, match="data changed"):
        list(stream)


def test_a_file_that_only_grew_while_it_is_read_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 2_000_000)
    stream = tar_stream(tmp_path, look(tmp_path), {})
    first = next(stream)
    with path.open("ab") as more:
        more.write(b"b" * 1000)
    assert content(first + b"".join(stream), "log") == b"a" * 2_000_000


@pytest.mark.parametrize(
    "change",
    [
        remove,
        lambda path: (path.unlink(), path.symlink_to("other")),
        lambda path: (path.unlink(), path.write_text("")),
    ],
)
def test_a_link_that_changed_since_the_look_ends_it(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path = tmp_path / "link"
    path.symlink_to("target")
    snapshot = look(tmp_path)
    change(path)
    with pytest.raises(Superseded, match="link changed"):
        sent(tmp_path, snapshot)


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)
LEAF = st.one_of(st.binary(max_size=600), NAME.map(lambda target: ("link", target)), st.just(None))
TREES = st.dictionaries(st.lists(NAME, min_size=1, max_size=4).map("/".join), LEAF, max_size=12)


@settings(max_examples=60)
@given(tree=TREES, extra=st.dictionaries(NAME, st.binary(max_size=600), max_size=3))
def test_any_tree_comes_back(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object], extra: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name, leaf in tree.items():
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if leaf is None:
                (root / name).mkdir(exist_ok=True)
            elif isinstance(leaf, bytes):
                (root / name).write_bytes(leaf)
            elif isinstance(leaf, tuple):
                (root / name).symlink_to(leaf[1])
        except OSError:
            continue  # two names that cannot both be, or one that is too long
    snapshot = look(root)
    data = sent(root, snapshot, extra)
    found = read(data)
    assert set(found) == set(snapshot.entries) | set(extra)
    for name, entry in snapshot.entries.items():
        member = found[name]
        if name in extra:
            assert content(data, name) == extra[name]
        elif entry.kind is Kind.FILE:
            assert content(data, name) == (root / name).read_bytes()
            assert member.mode == entry.mode
        elif entry.kind is Kind.SYMLINK:
            assert member.linkname == str((root / name).readlink())
        else:
            assert member.isdir()
