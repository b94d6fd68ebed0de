from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devbox.gate.tracking import KEPT_BYTES, Exchanges

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED_POST = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UPGRADE = b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@dataclass(frozen=True)
class Exchange:
    request: bytes
    answer: bytes


HEADS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
]
ANSWERS = [
    OK,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
]
REQUESTS = [
    GET,
    POST,
    CHUNKED_POST,
    b"PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"\r\n" + GET,
]
exchanges = st.builds(Exchange, st.sampled_from(REQUESTS), st.sampled_from(ANSWERS)) | st.builds(
    Exchange, st.just(HEAD), st.sampled_from(HEADS)
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % len(data) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]


def fed(turns: list[tuple[bool, bytes]], places: list[int] | None = None) -> Exchanges:
    """What is known after these turns, of the client (true) and the backend, each cut at `places`."""
    tracker = Exchanges()
    for of_client, turn in turns:
        for piece in cut(turn, places or []):
            (tracker.sent if of_client else tracker.received)(piece)
    return tracker


def known(tracker: Exchanges) -> tuple[bool, ...]:
    return tracker.opaque, tracker.between, tracker.begun, tracker.waiting


places = st.lists(st.integers(0, 1 << 16), max_size=12)


@given(st.lists(exchanges, max_size=5), places)
def test_after_each_answer_the_connection_is_between_two_requests(
    talk: list[Exchange], places: list[int]
) -> None:
    tracker = Exchanges()
    assert tracker.between
    for exchange in talk:
        for piece in cut(exchange.request, places):
            tracker.sent(piece)
        assert tracker.waiting
        for piece in cut(exchange.answer, places):
            assert not tracker.between
            tracker.received(piece)
        assert tracker.between
        assert tracker.unanswered == b""


@given(st.lists(exchanges, min_size=1, max_size=5), places, st.integers(0, 1 << 16))
def test_pipelined_requests_are_counted_to_the_last_answer(
    talk: list[Exchange], places: list[int], missing: int
) -> None:
    requests = b"".join(exchange.request for exchange in talk)
    answers = b"".join(exchange.answer for exchange in talk)
    whole = fed([(True, requests), (False, answers)], places)
    assert whole.between
    short = answers[: missing % len(answers)]
    partly = fed([(True, requests), (False, short)] if short else [(True, requests)], places)
    assert (partly.opaque, partly.between, partly.waiting) == (False, False, True)


@given(st.lists(exchanges, min_size=1, max_size=3), st.integers(0, 1 << 16), places)
def test_in_the_middle_of_a_request_is_not_between(
    talk: list[Exchange], missing: int, places: list[int]
) -> None:
    last = talk.pop().request.lstrip(b"\r\n")
    before = [turn for exchange in talk for turn in ((True, exchange.request), (False, exchange.answer))]
    part = last[: 1 + missing % (len(last) - 1)]
    tracker = fed([*before, (True, part)], places)
    assert (tracker.opaque, tracker.between, tracker.waiting) == (False, False, False)
    head_is_whole = b"\r\n\r\n" in part
    assert tracker.unheard is not head_is_whole
    if not head_is_whole:
        assert tracker.unanswered == part


SHREDS = [HEAD, UPGRADE, SWITCHED, b"\r\n", b"\r\n\r\n", b"GET / HTTP/1.1\r\n", b"Connection: close\r\n"]
fragments = st.sampled_from([*REQUESTS, *ANSWERS, *HEADS, *SHREDS]) | st.binary(min_size=1, max_size=20)
one_turn = st.tuples(st.booleans(), st.lists(fragments, min_size=1, max_size=4).map(b"".join))
turns = st.lists(one_turn, max_size=6)


@given(turns, places)
@example([(True, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")], [1])
@example([(True, HEAD * 3), (False, HEADS[0] + ANSWERS[0])], [3])
@example([(True, b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n")], [])
def test_no_bytes_make_it_raise_and_no_cut_makes_a_difference(
    turns: list[tuple[bool, bytes]], places: list[int]
) -> None:
    whole, cut = fed(turns), fed(turns, places)
    assert known(whole) == known(cut)
    assert not (whole.opaque and (whole.between or whole.unanswered))


@pytest.mark.parametrize(
    "turns",
    [
        [(True, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")],
        [(True, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
        [(True, b"hello\n")],
        [(True, b"GET foo\r\n")],
        [(True, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")],
        [(False, b"220 hello\r\n")],
        [(False, b"\r\n")],
        [(False, OK)],
        [(True, b"GET / HT"), (False, b"HTTP/1.1 408 Request Timeout\r\n\r\n")],
        [(True, GET), (False, OK + OK)],
        [(True, GET), (False, OK), (False, b"HTTP/1.1 408 Request Timeout\r\n\r\n")],
        [(True, GET), (False, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")],
        [(True, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), (False, OK)],
        [(True, b"GET / HTTP/1.0\r\n\r\n"), (False, OK)],
        [(True, UPGRADE), (False, SWITCHED + b"\x81\x02hi")],
        [(True, GET), (False, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")],
        [(True, UPGRADE), (True, b"\x81\x85")],
        [(True, UPGRADE + b"\x81\x85")],
    ],
)
def test_what_is_doubtful_is_opaque(turns: list[tuple[bool, bytes]]) -> None:
    assert fed(turns).opaque
    assert fed(turns, list(range(200))).opaque
    tracker = fed(turns)
    tracker.sent(GET)
    tracker.received(OK)
    assert known(tracker) == (True, False, False, False)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\nall that comes", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
)
def test_an_answer_until_the_end_never_ends_before_it(answer: bytes) -> None:
    tracker = fed([(True, GET), (False, answer), (False, b"\r\n\r\n")])
    assert (tracker.opaque, tracker.between, tracker.waiting) == (False, False, True)


def test_an_upgrade_that_is_declined_is_an_exchange_like_others() -> None:
    tracker = fed([(True, UPGRADE), (False, OK), (True, GET), (False, OK)])
    assert tracker.between


def test_an_answer_that_overtakes_its_request_waits_for_its_end() -> None:
    tracker = fed([(True, POST[:-2]), (False, OK)])
    assert (tracker.opaque, tracker.between, tracker.waiting) == (False, False, False)
    tracker.sent(POST[-2:] + GET)
    assert tracker.waiting
    assert not tracker.repeat(), "where the GET begins in that piece is not known"
    tracker.received(OK)
    assert tracker.between


@pytest.mark.parametrize(
    ("request_bytes", "repeatable"),
    [
        (GET, True),
        (HEAD, True),
        (GET + GET, True),
        (GET + POST, False),
        (POST, False),
        (CHUNKED_POST, False),
        (b"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", True),
        (b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", True),
        (b"PATCH / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Le", True),
        (b"PUT / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + bytes(KEPT_BYTES), False),
        (b"\x16\x03\x01", False),
    ],
)
@pytest.mark.parametrize("places", [[], [3, 40, 50]])
def test_only_what_does_no_harm_is_said_again(
    request_bytes: bytes, repeatable: bool, places: list[int]
) -> None:
    tracker = fed([(True, GET), (False, OK), (True, request_bytes)], places)
    assert tracker.unanswered == (request_bytes if repeatable else b"")
    assert tracker.repeat() is repeatable
    assert not tracker.repeat(), "only once"
    tracker.received(b"H")
    assert tracker.unanswered == b""


def test_the_next_request_may_be_said_again_too() -> None:
    tracker = fed([(True, GET)])
    assert tracker.repeat()
    tracker.received(OK)
    assert not tracker.repeat()
    tracker.sent(GET)
    assert tracker.repeat()
