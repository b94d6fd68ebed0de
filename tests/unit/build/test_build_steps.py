"""Folding a trace into steps: names, stages, states, lines, whatever order they come in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.build.steps import LogPiece, StepTracker
from devbox.build.trace import Trace, Vertex
from devbox.model import Step, StepState

from .traces import recorded_traces, trace, vertex

RECORDINGS = [
    "first",
    "cached",
    "source_only",
    "beside_another",
    "failing_run",
    "stages",
    "parallel_failure",
    "missing_copy",
    "talk",
]


def only(*vertexes: Vertex, reasons: dict[str, str] | None = None) -> Step:
    """The one step that these make."""
    tracker = StepTracker(reasons or {})
    tracker.feed(trace(*vertexes))
    (step,) = tracker.steps
    return step


@pytest.mark.parametrize(
    ("name", "instruction"),
    [
        ("[2/6] RUN pip install flask", "RUN pip install flask"),
        ("[2/6] RUN pip install \\\n    flask", "RUN pip install \\ flask"),
        ("[2/6] RUN echo [a 1/2] there", "RUN echo [a 1/2] there"),
        ("[web 2/6] RUN echo [a 1/2] there", "RUN echo [a 1/2] there"),
        ("[2/2] RUN <<END (echo from a heredoc...)", "RUN <<END (echo from a heredoc...)"),
        ("[1/6] FROM docker.io/library/python:3.13-slim", "FROM python:3.13-slim"),
        ("[1/6] FROM docker.io/library/python:3.13-slim@sha256:0123abcd", "FROM python:3.13-slim"),
        ("[1/6] FROM ghcr.io/a/b:1@sha256:0123abcd", "FROM ghcr.io/a/b:1"),
        ("[1/6] FROM python@sha256:0123abcd", "FROM python@sha256:0123abcd"),
        ("[linux/amd64 web 1/6] FROM a", "FROM a"),
        ("[2/6] RUN echo FROM docker.io/library/x", "RUN echo FROM docker.io/library/x"),
    ],
)
def test_an_instruction_is_named_as_in_the_dockerfile(name: str, instruction: str) -> None:
    assert only(vertex(name)).instruction == instruction


@pytest.mark.parametrize(
    "name",
    ["[internal] load build context", "exporting to image", "copy /context /", "[auth] x 1/2", "[1/2]"],
)
def test_what_is_no_instruction_is_no_step(name: str) -> None:
    tracker = StepTracker()
    assert tracker.feed(trace(vertex(name, started=1.0, completed=2.0))) == ((), ())
    assert tracker.steps == ()
    assert tracker.failed is None


RUN = "[2/3] RUN x"
FROM = "[1/3] FROM a"


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (vertex(RUN), "waiting"),
        (vertex(RUN, started=1.0), "running"),
        (vertex(RUN, started=1.0, completed=1.0), "done"),
        (vertex(RUN, started=1.0, completed=1.0, cached=True), "cached"),
        (vertex(RUN, started=1.0, completed=2.0, error="exit code: 1"), "failed"),
        (vertex(RUN, started=1.0, completed=2.0, error="context canceled"), "cancelled"),
        (vertex(RUN, started=1.0, completed=2.0, error="exit code: 137: context canceled"), "cancelled"),
        # What a user's command says is quoted in the error.
        (vertex(RUN, completed=2.0, error="[sh -c echo context canceled; false]: exit code: 1"), "failed"),
        (vertex(FROM, started=1.0, completed=1.09), "cached"),
        (vertex(FROM, started=1.0, completed=1.11), "done"),
        (vertex(FROM, started=1.0), "running"),
    ],
)
def test_states(seen: Vertex, state: str) -> None:
    assert only(seen).state == state


def test_seconds_are_those_between_start_and_end() -> None:
    assert only(vertex(RUN, started=1.0, completed=3.25)).seconds == 2.25
    assert only(vertex(RUN, started=1.0)).seconds == 0.0
    assert only(vertex(RUN, completed=3.0)).seconds == 0.0
    assert only(vertex(RUN, started=3.0, completed=1.0)).seconds == 0.0


def test_a_reason_stands_with_every_step_that_is_not_cached() -> None:
    reasons = {"RUN x": "requirements.txt changed"}
    assert only(vertex(RUN), reasons=reasons).reason == "requirements.txt changed"
    done = vertex(RUN, started=1.0, completed=1.0)
    assert only(done, reasons=reasons).reason == "requirements.txt changed"
    assert only(vertex(RUN, cached=True, completed=1.0), reasons=reasons).reason == ""


def test_only_what_changed_is_given() -> None:
    tracker = StepTracker()
    changed, _ = tracker.feed(trace(vertex(FROM), vertex(RUN)))
    assert [step.index for step in changed] == [1, 2]
    assert tracker.feed(trace(vertex(FROM), vertex(RUN))) == ((), ())
    changed, _ = tracker.feed(trace(vertex(RUN, started=1.0)))
    assert [(step.index, step.state) for step in changed] == [(2, StepState.RUNNING)]


def test_a_step_may_start_again_after_it_ended() -> None:
    tracker = StepTracker()
    for seen in (vertex(RUN, started=1.0, completed=1.5), vertex(RUN, started=2.0)):
        tracker.feed(trace(seen))
    assert tracker.steps[0].state == "running"
    tracker.feed(trace(vertex(RUN, started=1.0, completed=1.5)))
    assert tracker.steps[0].state == "running"
    tracker.feed(trace(vertex(RUN, started=2.0, completed=2.5)))
    assert (tracker.steps[0].state, tracker.steps[0].seconds) == ("done", 0.5)


def test_a_lone_stage_has_no_name() -> None:
    tracker = StepTracker()
    tracker.feed(trace(vertex("[stage-0 1/2] FROM a"), vertex("[stage-0 2/2] RUN x")))
    assert {step.stage for step in tracker.steps} == {""}


def test_a_stage_comes_after_those_it_takes_from() -> None:
    """Seen in the order in which BuildKit walks the graph, from the target to where it comes from."""
    base = vertex("[tools 1/2] FROM a")
    seen = trace(
        vertex(
            "[final 3/3] COPY --from=assets / /",
            inputs=("[final 2/3] COPY --from=tools / /", "[assets 2/2] RUN z"),
        ),
        vertex("[final 2/3] COPY --from=tools / /", inputs=(base.digest, "[tools 2/2] RUN y")),
        vertex("[assets 2/2] RUN z", inputs=(base.digest,)),
        vertex("[tools 2/2] RUN y", inputs=(base.digest,)),
        base,
    )
    tracker = StepTracker()
    tracker.feed(seen)
    assert [f"{step.index} {step.stage} {step.instruction}" for step in tracker.steps] == [
        "1 tools FROM a",
        "2 tools RUN y",
        "3 assets RUN z",
        "4 final COPY --from=tools / /",
        "5 final COPY --from=assets / /",
    ]


def test_a_shared_from_stands_before_all_that_builds_upon_it() -> None:
    base = vertex("[zebra 1/2] FROM a")
    seen = trace(
        base,
        vertex("[apple 2/2] RUN y", inputs=(base.digest,)),
        vertex("[zebra 2/2] COPY --from=apple / /", inputs=(base.digest, "[apple 2/2] RUN y")),
    )
    tracker = StepTracker()
    tracker.feed(seen)
    assert [step.instruction for step in tracker.steps] == ["FROM a", "RUN y", "COPY --from=apple / /"]
    assert [step.stage for step in tracker.steps] == ["apple", "apple", "zebra"]


def test_a_stage_built_upon_a_stage_comes_after_it() -> None:
    seen = trace(
        vertex("[web 2/2] RUN serve", inputs=("[base 2/2] RUN install",)),
        vertex("[base 2/2] RUN install", inputs=("[base 1/2] FROM a",)),
        vertex("[base 1/2] FROM a"),
    )
    tracker = StepTracker()
    tracker.feed(seen)
    assert [step.instruction for step in tracker.steps] == ["FROM a", "RUN install", "RUN serve"]


def test_stages_without_inputs_are_kept_together() -> None:
    names = ["[b 2/2] RUN b2", "[a 1/2] FROM x", "[b 1/2] FROM y", "[a 2/2] RUN a2"]
    tracker = StepTracker()
    tracker.feed(trace(*(vertex(name) for name in names)))
    assert [step.instruction for step in tracker.steps] == ["FROM x", "RUN a2", "FROM y", "RUN b2"]


def test_the_failed_step_is_the_one_with_an_error_of_its_own() -> None:
    tracker = StepTracker()
    tracker.feed(
        trace(
            vertex("[a 2/2] RUN slow", started=1.0, completed=2.0, error="exit code: 137: context canceled"),
            vertex("[b 2/2] RUN bad", started=1.0, completed=1.5, error="exit code: 4"),
        )
    )
    assert tracker.failed is not None
    assert (tracker.failed.instruction, tracker.failed.error) == ("RUN bad", "exit code: 4")


def lines(tracker: StepTracker, *data: bytes, stream: int = 1) -> list[str]:
    said: list[LogPiece] = []
    for piece in data:
        said += tracker.feed(trace(logs=[(RUN, stream, piece)]))[1]
    return [piece.line for piece in said]


def running() -> StepTracker:
    tracker = StepTracker()
    tracker.feed(trace(vertex(RUN, started=1.0)))
    return tracker


def test_lines_come_whole_and_once() -> None:
    tracker = running()
    assert lines(tracker, b"one\ntw", b"o\n", b"\n", b"three") == ["one", "two", ""]
    assert tracker.log_of(tracker.steps[0]) == ("one", "two", "", "three")
    _, last = tracker.feed(trace(vertex(RUN, started=1.0, completed=2.0)))
    assert last == (LogPiece("RUN x", "three", 1),)
    assert tracker.log_of(tracker.steps[0]) == ("one", "two", "", "three")


def test_each_stream_has_lines_of_its_own() -> None:
    tracker = running()
    tracker.feed(trace(logs=[(RUN, 1, b"out")]))
    _, said = tracker.feed(trace(logs=[(RUN, 2, b"err\n"), (RUN, 1, b"put\n")]))
    assert said == (LogPiece("RUN x", "err", 2), LogPiece("RUN x", "output", 1))


def test_a_redrawn_line_is_its_last_state() -> None:
    assert lines(running(), b"10%\r", b"50%\r100%\r\n", b"crlf\r\n") == ["100%", "crlf"]
    tracker = running()
    lines(tracker, b"10%\r50%")
    assert tracker.log_of(tracker.steps[0]) == ("50%",)


def test_undecodable_bytes_and_characters_in_two_pieces() -> None:
    assert lines(running(), b"\xff\n", b"gr\xc3", b"\xbc\xc3\x9fe\n") == ["�", "grüße"]


def test_a_line_without_end_takes_a_bounded_room() -> None:
    tracker = running()
    for _ in range(100):
        tracker.feed(trace(logs=[(RUN, 1, b"x" * 10_000)]))
    kept = tracker.log_of(tracker.steps[0])
    assert len(kept) <= 400
    assert max(len(line) for line in kept) <= 16 * 1024


def test_the_last_lines_are_kept_the_unfinished_one_included() -> None:
    tracker = running()
    lines(tracker, *(f"{count}\n".encode() for count in range(500)))
    assert tracker.log_of(tracker.steps[0]) == tuple(str(count) for count in range(100, 500))
    lines(tracker, b"rest")
    assert tracker.log_of(tracker.steps[0]) == (*(str(count) for count in range(101, 500)), "rest")


def test_a_log_may_come_before_its_step_is_known() -> None:
    tracker = StepTracker()
    _, said = tracker.feed(trace(logs=[(RUN, 1, b"early\n")]))
    assert said == (LogPiece("", "early", 1),)
    tracker.feed(trace(vertex(RUN, started=1.0)))
    assert tracker.log_of(tracker.steps[0]) == ("early",)


def test_a_step_that_wrote_nothing_has_no_log() -> None:
    tracker = running()
    assert tracker.log_of(tracker.steps[0]) == ()


@pytest.mark.parametrize("name", RECORDINGS)
@settings(max_examples=25)
@given(data=st.data())
def test_order_repetition_and_cutting_of_the_vertexes_do_not_matter(name: str, data: st.DataObject) -> None:
    traces = recorded_traces(name)
    straight = StepTracker()
    for one in traces:
        straight.feed(one)
    vertexes = [seen for one in traces for seen in one.vertexes]
    again = data.draw(st.lists(st.sampled_from(vertexes), max_size=10))
    mixed = data.draw(st.permutations([*vertexes, *again]))
    cuts = data.draw(st.sets(st.integers(0, len(mixed)), max_size=6))
    tracker = StepTracker()
    said: dict[int, Step] = {}
    for start, end in zip((0, *sorted(cuts)), (*sorted(cuts), len(mixed)), strict=True):
        changed, _ = tracker.feed(trace(*mixed[start:end]))
        said |= {step.index: step for step in changed}
    assert tracker.steps == straight.steps
    assert tracker.failed == straight.failed
    # Whoever only listens to the changes knows the same in the end.
    assert tuple(said[index] for index in sorted(said)) == straight.steps


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=12)), max_size=12),
    st.lists(st.integers(0, 12), max_size=12),
)
def test_cutting_of_the_output_does_not_matter(output: list[tuple[int, bytes]], cuts: list[int]) -> None:
    def told(pieces: list[tuple[int, bytes]]) -> dict[int, list[str]]:
        tracker = running()
        said: list[LogPiece] = []
        for stream, piece in pieces:
            said += tracker.feed(Trace((), (), trace(logs=[(RUN, stream, piece)]).logs))[1]
        said += tracker.feed(trace(vertex(RUN, started=1.0, completed=2.0)))[1]
        return {stream: [piece.line for piece in said if piece.stream == stream] for stream in (1, 2)}

    finer: list[tuple[int, bytes]] = []
    for place, (stream, piece) in enumerate(output):
        cut = cuts[place] if place < len(cuts) else 0
        finer += [(stream, piece[:cut]), (stream, piece[cut:])]
    assert told(finer) == told(output)
