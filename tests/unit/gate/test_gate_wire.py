from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devbox.gate import http1, wire
from devbox.model import Backend

names = st.text(min_size=1)
seconds = st.floats(0, 86400)
backends = st.builds(Backend, names, st.integers(1, 65535))
requests = st.one_of(
    st.builds(wire.Hello),
    st.builds(wire.Listen, names, names, st.integers(0, 65535), seconds),
    st.builds(wire.Unlisten, names),
    st.builds(wire.Point, st.dictionaries(st.text(), st.none() | backends)),
    st.builds(wire.Refuse, st.text()),
    st.builds(wire.Drain, st.lists(backends).map(tuple), seconds, seconds, st.booleans()),
    st.builds(wire.Stop),
)
states = st.builds(
    wire.State,
    st.integers(0, 9),
    st.integers(1, 99999),
    st.lists(
        st.builds(
            wire.RouteState,
            names,
            names,
            st.integers(1, 65535),
            st.none() | backends,
            st.integers(0, 1000),
            st.integers(0, 10**9),
        )
    ).map(tuple),
    st.text(),
)


@given(st.integers(0, 1 << 53), requests)
def test_a_request_survives_the_wire(number: int, request: wire.Request) -> None:
    line = wire.encode_request(number, request)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert wire.decode_request(line) == (number, request)


@given(st.integers(0, 1 << 53), states)
def test_a_state_survives_the_wire(number: int, state: wire.State) -> None:
    got, fields = wire.decode_reply(wire.encode_reply(number, state))
    assert isinstance(fields, wire.Fields)
    assert (got, wire.read_state(fields)) == (number, state)


def test_the_other_answers_survive_the_wire() -> None:
    _, listening = wire.decode_reply(wire.encode_reply(1, wire.Listening(8000)))
    _, drained = wire.decode_reply(wire.encode_reply(2, wire.Drained(3, 0.25)))
    _, done = wire.decode_reply(wire.encode_reply(3, wire.Done()))
    assert isinstance(listening, wire.Fields)
    assert isinstance(drained, wire.Fields)
    assert wire.read_listening(listening) == wire.Listening(8000)
    assert wire.read_drained(drained) == wire.Drained(3, 0.25)
    assert done == wire.Fields({})
    failure = wire.Failure("EADDRINUSE", "Address already in use")
    assert wire.decode_reply(wire.encode_reply(-1, failure)) == (-1, failure)


def test_hello_and_stop_keep_their_form() -> None:
    assert json.loads(wire.encode_request(1, wire.Hello())) == {"id": 1, "do": "hello"}
    assert json.loads(wire.encode_request(2, wire.Stop())) == {"id": 2, "do": "stop"}
    reply = json.loads(wire.encode_reply(1, wire.State(7, 42)))
    assert reply["ok"]["version"] == 7
    assert reply["ok"]["pid"] == 42


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"id": 1e999, "do": "hello"}')
@example(b'{"id": true, "do": "hello"}')
@example(b'{"id": 1, "do": ["hello"]}')
def test_garbage_is_only_ever_a_wire_error(line: bytes) -> None:
    for read in (wire.decode_request, wire.decode_reply):
        with pytest.raises(wire.WireError):
            read(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(requests, st.data())
def test_a_spoiled_request_is_a_wire_error_or_a_request(request: wire.Request, data: st.DataObject) -> None:
    value = {"id": 1, "do": type(request).__name__.lower(), **asdict(request)}
    key = data.draw(st.sampled_from(sorted(value)))
    value[key] = data.draw(json_values)
    try:
        number, got = wire.decode_request(json.dumps(value).encode())
    except wire.WireError:
        return
    assert wire.decode_request(wire.encode_request(number, got)) == (number, got)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", 65536),
        ("port", -1),
        ("port", True),
        ("port", "80"),
        ("name", ""),
        ("hold", float("nan")),
        ("hold", -1),
    ],
)
def test_a_wrong_value_is_named(field: str, value: object) -> None:
    line = {"id": 1, "do": "listen", "name": "web", "host": "::1", "port": 1, "hold": 1, field: value}
    with pytest.raises(wire.WireError, match=field):
        wire.decode_request(json.dumps(line).encode())


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        (b"", None),
        (b"G", None),
        (b"GET", None),
        (b"GET ", None),
        (b"GET /", True),
        (b"OPTIONS * HTTP/1.1\r\n", True),
        (b"GET http://x/ HTTP/1.1\r\n", True),
        (b"M-SEARCH /", True),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", False),
        (b"get / HTTP/1.1\r\n", False),
        (b"\x16\x03\x01", False),
        (b"220 hello", False),
        (b"A" * 30, False),
        (b"GET  /", False),
    ],
)
def test_first_bytes_tell_http_from_anything_else(first: bytes, verdict: bool | None) -> None:
    assert http1.is_request(first) is verdict


@given(st.binary(max_size=40), st.integers(0, 40))
@example(b"GET / HTTP/1.1\r\n", 3)
@example(b"PRI * HTTP/2.0\r\n", 4)
def test_a_verdict_once_given_stays(first: bytes, cut: int) -> None:
    early = http1.is_request(first[:cut])
    assert early is None or early is http1.is_request(first)


@given(st.text())
def test_the_refusal_is_one_whole_answer(message: str) -> None:
    head, body = http1.unavailable(message, b"GET / HTTP/1.1").split(b"\r\n\r\n", 1)
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    assert body.decode() == message.strip() + "\n"
    assert http1.unavailable(message, b"HEAD / HTTP/1.1") == head + b"\r\n\r\n"
