"""The trace's protobuf, against bytes written by hand."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.trace import Trace, Transfer, Vertex, VertexLog, decode
from devbox.errors import EngineRefused

from .traces import chunk, number, recorded_traces, wire

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIME = st.just(0.0) | st.integers(1, 2**33).map(float)
VERTEXES = st.builds(
    Vertex, TEXT, st.lists(TEXT, max_size=3).map(tuple), TEXT, st.booleans(), TIME, TIME, TEXT
)
SIZE = st.integers(0, 2**63 - 1)
TRANSFERS = st.builds(Transfer, TEXT, TEXT, SIZE, SIZE)
LOGS = st.builds(VertexLog, TEXT, st.integers(0, 2), st.binary(max_size=20))


@given(
    st.builds(
        Trace,
        st.lists(VERTEXES, max_size=4).map(tuple),
        st.lists(TRANSFERS, max_size=4).map(tuple),
        st.lists(LOGS, max_size=4).map(tuple),
    )
)
def test_every_trace_is_read_as_it_was_written(trace: Trace) -> None:
    assert decode(wire(trace)) == trace


def test_times_are_seconds_with_their_fraction_and_zero_where_absent() -> None:
    sent = Trace((Vertex("d", (), "n", False, 1_700_000_000.25, 0.0, ""),), (), ())
    (vertex,) = decode(wire(sent)).vertexes
    assert vertex.started == pytest.approx(1_700_000_000.25, abs=1e-6)
    assert vertex.completed == 0.0


def test_unknown_fields_are_skipped() -> None:
    body = chunk(1, b"digest") + chunk(3, b"name") + chunk(9, b"progress group") + number(12, 5)
    aux = base64.b64encode(chunk(1, body) + chunk(4, b"a warning") + chunk(77, b"?")).decode()
    assert decode(aux).vertexes == (Vertex("digest", (), "name", False, 0.0, 0.0, ""),)


def test_nothing_is_an_empty_trace() -> None:
    assert decode("") == Trace((), (), ())


@pytest.mark.parametrize(
    "aux", ["no base64!", "é", "abc", base64.b64encode(b"\xff\xff\xff").decode(), {"ID": "x"}.__repr__()]
)
def test_what_is_no_trace_is_the_engines_fault(aux: str) -> None:
    with pytest.raises(EngineRefused, match="trace cannot be read"):
        decode(aux)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        decode(base64.b64encode(data).decode())
    except EngineRefused:
        return


def test_a_recording_holds_what_the_engine_says() -> None:
    first, *_ = recorded_traces("first")
    assert [vertex.name for vertex in first.vertexes] == ["[internal] load remote build context"]
    exporting = [t for trace in recorded_traces("first") for t in trace.transfers]
    assert exporting[0].name == "exporting layers"
    wheels = {v.name: v for t in recorded_traces("stages") for v in t.vertexes}
    second = wheels["[wheels 2/3] RUN echo wheel one"]
    assert second.inputs == (wheels["[assets 1/3] FROM docker.io/library/python:3.13-slim"].digest,)
