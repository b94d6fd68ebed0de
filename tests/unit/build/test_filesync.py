"""The listing that BuildKit is given: what its packets say, in which order, and what has no form there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devbox.build.filesync import Listed, Listings, data, finished_file, part
from devbox.build.filesync.packets import FINISHED
from devbox.build.messages import INTEGER, RAW, TEXT, Field, declare
from devbox.model import Entry, Kind

_MESSAGES = declare(
    "devbox.test.filesync",
    {
        "Stat": (
            Field("path", 1, TEXT),
            Field("mode", 2, INTEGER),
            Field("size", 5, INTEGER),
            Field("time", 6, INTEGER),
            Field("link", 7, TEXT),
        ),
        "Packet": (
            Field("type", 1, INTEGER),
            Field("stat", 2, "Stat"),
            Field("id", 3, INTEGER),
            Field("data", 4, RAW),
        ),
    },
)
DIGEST = "0123456789abcdef" * 4
FILE = Entry(Kind.FILE, 0o644, DIGEST, 5, 1_700_000_000)
FOLDER = Entry(Kind.DIRECTORY, 0o755)
LINK = Entry(Kind.SYMLINK, 0o777, DIGEST)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in {".", ".."}
)


def packets(sent: bytes) -> Iterator[Any]:
    while sent:
        compressed, size = struct.unpack(">?I", sent[:5])
        assert not compressed
        yield _MESSAGES["Packet"].FromString(sent[5 : 5 + size])
        sent = sent[5 + size :]


def listed(entries: dict[str, Entry], link: str = "target") -> Listed:
    made = Listings().make(entries, lambda _path, _entry: link)
    assert made is not None
    return made


def test_each_kind_as_go_has_it() -> None:
    special = replace(FILE, mode=0o6755)
    made = listed(
        {"d": FOLDER, "d/link": LINK, "d/file": FILE, "x": special, "t": replace(FOLDER, mode=0o1777)}
    )
    *stats, end = packets(made.packets)
    assert not end.HasField("stat")
    found = {one.stat.path: (one.stat.mode, one.stat.size, one.stat.link) for one in stats}
    assert found == {
        "d": (0o755 | 1 << 31, 0, ""),
        "d/file": (0o644, 5, ""),
        "d/link": (0o777 | 1 << 27, 6, "target"),
        "t": (0o777 | 1 << 31 | 1 << 20, 0, ""),
        "x": (0o755 | 1 << 23 | 1 << 22, 5, ""),
    }


def test_another_content_of_the_same_size_and_second_has_another_time() -> None:
    times = {
        next(packets(listed({"a": entry}).packets)).stat.time
        for entry in (FILE, replace(FILE, digest="f" + DIGEST[1:]), replace(FILE))
    }
    assert len(times) == 2
    assert {time // 1_000_000_000 for time in times} == {1_700_000_000}


def test_pieces_and_ends() -> None:
    sent = [*packets(data(0, b"x" * 300_000) + data(70_000, b"") + finished_file(3) + FINISHED)]
    assert [(one.type, one.id, len(one.data)) for one in sent] == [
        (2, 0, 300_000),
        (2, 70_000, 0),
        (2, 3, 0),
        (3, 0, 0),
    ]


@given(st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12))
def test_a_folder_comes_right_before_what_lies_in_it_and_names_rise(paths: list[str]) -> None:
    folders = {path[:end] for path in paths for end, sign in enumerate(path) if sign == "/"}
    made = listed({**dict.fromkeys(paths, FILE), **dict.fromkeys(folders, FOLDER)})
    *stats, _ = packets(made.packets)
    assert [one.stat.path for one in stats] == list(made.paths)
    # As the receiver's validator has it (tonistiigi/fsutil, validator.go).
    open_folders = [("", b"")]
    for path in made.paths:
        above, _, name = path.rpartition("/")
        while open_folders[-1][0] != above:
            open_folders.pop()
        assert open_folders[-1][1] < name.encode()
        open_folders[-1] = above, name.encode()
        if path in folders:
            open_folders.append((path, b""))


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(range(3))), max_size=5))
def test_what_is_remembered_changes_nothing(rounds: list[dict[str, int]]) -> None:
    remembering = Listings()
    known = {number: replace(FILE, size=number) for number in range(3)}
    for chosen in rounds:
        entries = {name: known[number] for name, number in chosen.items()}
        made = remembering.make(entries, lambda _path, _entry: "")
        assert made == listed(entries)


def test_what_the_protocol_has_no_form_for() -> None:
    listings = Listings()
    bytes_name, folder_missing, below_a_link = "\udcff", {"d/a": FILE}, {"d": LINK, "d/a": FILE}
    for _ in range(2):
        assert listings.make({bytes_name: FILE, "a": FILE}, lambda *_: "") is None
        assert listings.make({"a": LINK}, lambda *_: bytes_name) is None
        assert listings.make(folder_missing, lambda *_: "x") is None
        assert listings.make(below_a_link, lambda *_: "x") is None
        assert listings.make({"d": FOLDER, "d/a": FILE}, lambda *_: "") == listed({"d": FOLDER, "d/a": FILE})


def test_a_part_has_the_folders_that_lead_there() -> None:
    whole = listed({"a": FILE, "d": FOLDER, "d/a": FILE, "d/b": FILE})
    assert part(whole, ("d/b", "nothere")) == listed({"d": FOLDER, "d/b": FILE})
