"""From BuildKit's trace to the steps a person knows from the Dockerfile. Pure: no clock, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from devbox.build.trace import Trace, Vertex
from devbox.model import Step, StepState

_STEP = re.compile(r"\[(?:(?P<stage>.+) )?(?P<index>\d+)/(?P<total>\d+)\] (?P<instruction>.*)", re.DOTALL)
# A FROM of an image that is there already is reported as not cached, at about no time at all.
_FROM_IS_CACHED_BELOW = 0.1
_LOG_LINES_KEPT = 40


@dataclass(frozen=True, slots=True)
class LogPiece:
    """One whole line that a step wrote."""

    instruction: str
    line: str
    stream: int


@dataclass(slots=True)
class StepTracker:
    """Folds trace messages into steps; `reasons` maps an instruction's text to why it should run again."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    _vertexes: dict[str, Vertex] = field(default_factory=dict)
    _partial: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _logs: dict[str, list[str]] = field(default_factory=dict)
    _sent: dict[str, Step] = field(default_factory=dict)

    def feed(self, trace: Trace) -> tuple[tuple[Step, ...], tuple[LogPiece, ...]]:
        """Takes one message in; gives the steps that changed by it and the log lines it completed."""
        for vertex in trace.vertexes:
            self._vertexes[vertex.digest] = vertex
        lines: list[LogPiece] = []
        for log in trace.logs:
            lines += self._split(log.vertex, log.stream, log.data)
        changed = [step for digest, step in self._steps() if self._sent.get(digest) != step]
        self._sent = dict(self._steps())
        return tuple(changed), tuple(lines)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps so far, in the order of the Dockerfile's stages."""
        return tuple(step for _, step in self._steps())

    @property
    def failed(self) -> Step | None:
        """The first step that ended with an error of its own (not one that was merely cancelled)."""
        return next((step for step in self.steps if step.state is StepState.FAILED), None)

    def log_of(self, instruction: str) -> tuple[str, ...]:
        """The last lines that the step wrote, an unfinished last line included."""
        for digest, vertex in self._vertexes.items():
            if _instruction(vertex) == instruction:
                rest = [
                    piece.decode(errors="replace")
                    for (owner, _), piece in self._partial.items()
                    if owner == digest and piece
                ]
                return (*self._logs.get(digest, ()), *rest)
        return ()

    def _split(self, digest: str, stream: int, data: bytes) -> list[LogPiece]:
        *whole, rest = (self._partial.pop((digest, stream), b"") + data).split(b"\n")
        self._partial[digest, stream] = rest
        vertex = self._vertexes.get(digest)
        instruction = _instruction(vertex) if vertex else ""
        kept = self._logs.setdefault(digest, [])
        pieces = []
        for raw in whole:
            # A carriage return redraws the line; what a person sees is its last part.
            line = raw.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
            kept.append(line)
            pieces.append(LogPiece(instruction, line, stream))
        del kept[:-_LOG_LINES_KEPT]
        return pieces

    def _steps(self) -> list[tuple[str, Step]]:
        found = []
        stages: dict[str, int] = {}
        for digest, vertex in self._vertexes.items():
            match = _STEP.fullmatch(vertex.name)
            if match is None:
                continue
            stage = match["stage"] or ""
            stages.setdefault(stage, len(stages))
            found.append((stages[stage], int(match["index"]), digest, self._step(vertex, stage, match)))
        found.sort(key=lambda row: row[:2])
        # Older engines give an only stage a name of their own.
        several = len(stages) > 1
        return [
            (digest, replace(step, index=position, total=len(found), stage=step.stage if several else ""))
            for position, (_, _, digest, step) in enumerate(found, start=1)
        ]

    def _step(self, vertex: Vertex, stage: str, match: re.Match[str]) -> Step:
        instruction = _one_line(match["instruction"])
        seconds = max(0.0, vertex.completed - vertex.started) if vertex.completed and vertex.started else 0.0
        state = _state(vertex, instruction, seconds)
        return Step(
            index=int(match["index"]),
            total=int(match["total"]),
            instruction=instruction,
            state=state,
            stage=stage,
            seconds=round(seconds, 3),
            reason="" if state is StepState.CACHED else self.reasons.get(instruction, ""),
            error=vertex.error,
        )


def _instruction(vertex: Vertex) -> str:
    match = _STEP.fullmatch(vertex.name)
    return _one_line(match["instruction"]) if match else vertex.name


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("FROM docker.io/library/", "FROM ")


def _state(vertex: Vertex, instruction: str, seconds: float) -> StepState:
    if vertex.error:
        # BuildKit ends the steps beside the failing one with the error of the cancelled context.
        return StepState.CANCELLED if "context canceled" in vertex.error else StepState.FAILED
    if vertex.cached:
        return StepState.CACHED
    if vertex.completed:
        local = instruction.startswith("FROM") and seconds < _FROM_IS_CACHED_BELOW
        return StepState.CACHED if local else StepState.DONE
    return StepState.RUNNING if vertex.started else StepState.WAITING
