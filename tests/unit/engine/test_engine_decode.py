from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.engine.decode import LONGEST_LINE, Frames, LineAssembler, frame, json_messages
from devbox.engine.values import LogLine

Piece = tuple[Literal["stdout", "stderr"], bytes]


def cut(data: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """The same bytes in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for start, end in itertools.pairwise(edges):
        yield data[start:end]


def lines_of(pieces: Iterable[Piece]) -> list[LogLine]:
    assembler = LineAssembler()
    found = [line for stream, data in pieces for line in assembler.feed(stream, data)]
    return [*found, *assembler.finish()]


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers())), st.lists(st.integers(0)))
def test_messages_are_whole_wherever_the_stream_was_cut(
    messages: list[dict[str, object]], places: list[int]
) -> None:
    stream = b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)
    assert list(json_messages(cut(stream, places))) == messages


def test_the_last_message_needs_no_line_end() -> None:
    assert list(json_messages([b'{"a":', b" 1}\n", b'{"b": 2}'])) == [{"a": 1}, {"b": 2}]


def test_a_message_that_breaks_off_is_no_message() -> None:
    messages = json_messages([b'{"a": 1}\n{"b":'])
    assert next(messages) == {"a": 1}
    with pytest.raises(json.JSONDecodeError):
        next(messages)


def test_a_frame_names_its_stream_and_length() -> None:
    assert frame(b"\x01\0\0\0\0\0\x01\x02") == ("stdout", 258)
    assert frame(b"\x02\0\0\0\0\0\0\0") == ("stderr", 0)


@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary())),
    st.lists(st.integers(0)),
    st.integers(1, 9),
)
def test_frames_are_taken_apart_wherever_the_stream_was_cut(
    pieces: list[Piece], places: list[int], missing: int
) -> None:
    stream = b"".join(
        bytes([1 if name == "stdout" else 2, 0, 0, 0]) + len(data).to_bytes(4, "big") + data
        for name, data in pieces
    )
    frames = Frames()
    got = [piece for part in cut(stream, places) for piece in frames.feed(part)]
    for name in ("stdout", "stderr"):
        expected = b"".join(data for other, data in pieces if other == name)
        assert b"".join(data for other, data in got if other == name) == expected
    assert frames.whole
    torn = Frames()
    list(torn.feed((b"\x01\0\0\0\0\0\0\x02ab")[:-missing]))
    assert not torn.whole


@given(st.lists(st.text(st.characters(exclude_characters="\n\r"))), st.lists(st.integers(0)))
def test_lines_are_whole_wherever_the_stream_was_cut(lines: list[str], places: list[int]) -> None:
    stream = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    expected = [line.encode("utf-8", "replace").decode() for line in lines]
    assert [line.line for line in lines_of(("stdout", part) for part in cut(stream, places))] == expected


def test_the_two_streams_do_not_mix() -> None:
    pieces: list[Piece] = [("stdout", b"out "), ("stderr", b"err\nno end"), ("stdout", b"put\n")]
    assert lines_of(pieces) == [
        LogLine("stderr", "err"),
        LogLine("stdout", "out put"),
        LogLine("stderr", "no end"),
    ]


def test_line_ends_of_either_kind_and_empty_lines() -> None:
    pieces: list[Piece] = [("stdout", b"a\r\n\nb\r"), ("stdout", b"\n\xff\n")]
    assert [line.line for line in lines_of(pieces)] == ["a", "", "b", "\ufffd"]


@given(
    st.integers(LONGEST_LINE - 3, 2 * LONGEST_LINE + 9), st.sampled_from(["x", "é", "€", "🐍"]), st.booleans()
)
def test_a_very_long_line_comes_in_parts_between_characters(length: int, character: str, ended: bool) -> None:
    text = (character * length)[:length]
    parts = lines_of([("stdout", text.encode() + (b"\n" if ended else b""))])
    assert "".join(part.line for part in parts) == text
    assert all(len(part.line.encode()) <= LONGEST_LINE for part in parts)
    assert "\ufffd" not in "".join(part.line for part in parts)
