"""From BuildKit's trace to the steps a person knows from the Dockerfile. Pure: no clock, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from devbox.build.failure import LOG_LINES_KEPT
from devbox.build.trace import Trace, Vertex
from devbox.model import Step, StepState

# From ten steps on BuildKit pads the index with blanks.
_STEP = re.compile(
    r"\[ *(?:(?P<stage>[^\]]*[^\] ]) +)?(?P<index>\d+)/(?P<total>\d+)\] (?P<instruction>.*)", re.DOTALL
)
_DIGEST = re.compile(r"(?<=FROM )(\S+:\S+)@sha256:[0-9a-f]+")
# A FROM of an image that is there already is reported as not cached, at about no time at all.
_FROM_IS_CACHED_BELOW = 0.1
_LONGEST_LINE = 16 * 1024


@dataclass(frozen=True, slots=True)
class LogPiece:
    """One whole line that a step wrote."""

    instruction: str
    line: str
    stream: int


@dataclass(frozen=True, slots=True)
class _Node:
    """A vertex that is a step, with its stage and its number there."""

    vertex: Vertex
    stage: str
    number: int
    instruction: str


@dataclass(slots=True)
class StepTracker:
    """Folds trace messages into steps; `reasons` maps an instruction's text to why it should run again."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    _vertexes: dict[str, Vertex] = field(default_factory=dict)
    _partial: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _logs: dict[str, list[str]] = field(default_factory=dict)
    _sent: dict[str, Step] = field(default_factory=dict)

    def feed(self, trace: Trace) -> tuple[tuple[Step, ...], tuple[LogPiece, ...]]:
        """Takes one message in; gives the steps that changed by it and the log lines it completed.

        The last line of a step that ended is complete even without a line end.
        """
        for vertex in trace.vertexes:
            known = self._vertexes.get(vertex.digest)
            if known is None or _age(vertex) >= _age(known):
                self._vertexes[vertex.digest] = vertex
        lines: list[LogPiece] = []
        for log in trace.logs:
            lines += self._split(log.vertex, log.stream, log.data)
        for digest, stream in tuple(self._partial):
            vertex_of = self._vertexes.get(digest)
            if vertex_of is not None and vertex_of.completed:
                lines += self._keep(digest, stream, [self._partial.pop((digest, stream))])
        if not trace.vertexes:
            return (), tuple(lines)
        now = dict(self._steps())
        changed = tuple(step for digest, step in now.items() if self._sent.get(digest) != step)
        self._sent = now
        return changed, tuple(lines)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps so far: stage by stage, a stage after those it takes something from."""
        return tuple(step for _, step in self._steps())

    @property
    def failed(self) -> Step | None:
        """The first step that ended with an error of its own (not one that was merely cancelled)."""
        return next((step for step in self.steps if step.state is StepState.FAILED), None)

    def log_of(self, step: Step) -> tuple[str, ...]:
        """The last 400 lines that a step of `steps` wrote, an unfinished last line included."""
        digest = self._steps()[step.index - 1][0]
        rest = [_shown(piece) for (owner, _), piece in self._partial.items() if owner == digest]
        return (*self._logs.get(digest, ()), *rest)[-LOG_LINES_KEPT:]

    def _split(self, digest: str, stream: int, data: bytes) -> list[LogPiece]:
        *whole, rest = (self._partial.pop((digest, stream), b"") + data).split(b"\n")
        while len(rest) > _LONGEST_LINE:
            whole.append(rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        if rest:
            self._partial[digest, stream] = rest
        return self._keep(digest, stream, whole)

    def _keep(self, digest: str, stream: int, whole: Iterable[bytes]) -> list[LogPiece]:
        vertex = self._vertexes.get(digest)
        instruction = _instruction(vertex) if vertex else ""
        lines = [_shown(raw) for raw in whole]
        kept = self._logs.setdefault(digest, [])
        kept += lines
        del kept[:-LOG_LINES_KEPT]
        return [LogPiece(instruction, line, stream) for line in lines]

    def _steps(self) -> list[tuple[str, Step]]:
        nodes = [node for vertex in self._vertexes.values() if (node := _node(vertex)) is not None]
        placed = _placed(nodes)
        several = len({stage for stage, _ in placed}) > 1
        return [
            # Older engines give an only stage a name of its own.
            (node.vertex.digest, self._step(node, position, len(placed), stage if several else ""))
            for position, (stage, node) in enumerate(placed, start=1)
        ]

    def _step(self, node: _Node, position: int, total: int, stage: str) -> Step:
        vertex = node.vertex
        seconds = max(0.0, vertex.completed - vertex.started) if vertex.completed and vertex.started else 0.0
        state = _state(vertex, node.instruction, seconds)
        return Step(
            index=position,
            total=total,
            instruction=node.instruction,
            state=state,
            stage=stage,
            seconds=round(seconds, 3),
            reason="" if state is StepState.CACHED else self.reasons.get(node.instruction, ""),
            error=vertex.error,
        )


def _age(vertex: Vertex) -> tuple[float, bool, bool]:
    """Grows with each change of a vertex: one that ended may start again."""
    return max(vertex.started, vertex.completed), bool(vertex.completed), vertex.cached or bool(vertex.error)


def _placed(nodes: Iterable[_Node]) -> list[tuple[str, _Node]]:
    """Each step with the stage it is shown in, in order.

    A FROM that several stages share is one vertex under the name of any of them; it goes to the first one.
    What a build running beside this one has in common with it bears the stage and number it has there.
    """
    nodes = tuple(nodes)
    if any(not node.stage for node in nodes):
        nodes = tuple(replace(node, stage="") for node in nodes)
    by_digest = {node.vertex.digest: node for node in nodes}
    # FROMs come first and in no order; what follows them tells the order of the stages.
    order = _stage_order([node for node in nodes if node.number > 1], by_digest)
    order += sorted({node.stage for node in nodes}.difference(order))
    users: dict[str, set[str]] = {}
    for node in nodes:
        for digest in node.vertex.inputs:
            users.setdefault(digest, set()).add(node.stage)
    placed = []
    for node in nodes:
        shared = users.get(node.vertex.digest, set()) if node.number == 1 else set()
        placed.append((min({node.stage, *shared}, key=order.index), node))
    placed.sort(key=lambda row: (order.index(row[0]), _number(row[1], by_digest)))
    return placed


def _number(node: _Node, by_digest: Mapping[str, _Node]) -> int:
    """One more than that of the step it builds upon."""
    under = by_digest.get(node.vertex.inputs[0]) if node.vertex.inputs else None
    return _number(under, by_digest) + 1 if under and under.stage == node.stage else node.number


def _stage_order(nodes: Iterable[_Node], by_digest: Mapping[str, _Node]) -> list[str]:
    """The stages that take something from others last, the others as they are taken from."""
    needs: dict[str, dict[str, None]] = {}
    for node in sorted(nodes, key=lambda node: (node.stage, node.number)):
        inputs = (by_digest.get(digest) for digest in node.vertex.inputs)
        others = {one.stage: None for one in inputs if one and one.number > 1 and one.stage != node.stage}
        needs.setdefault(node.stage, {}).update(others)
    order: list[str] = []
    begun: set[str] = set()

    def visit(stage: str) -> None:
        if stage in begun:
            return
        begun.add(stage)
        for other in needs.get(stage, ()):
            visit(other)
        order.append(stage)

    needed = {other for others in needs.values() for other in others}
    for stage in (*(stage for stage in needs if stage not in needed), *needs):
        visit(stage)
    return order


# Each message of a trace is read together with all that came before it.
@lru_cache(1024)
def _node(vertex: Vertex) -> _Node | None:
    match = _STEP.fullmatch(vertex.name)
    if match is None:
        return None
    return _Node(vertex, match["stage"] or "", int(match["index"]), _one_line(match["instruction"]))


def _instruction(vertex: Vertex) -> str:
    node = _node(vertex)
    return node.instruction if node else vertex.name


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line.startswith("FROM "):
        return line
    return _DIGEST.sub(r"\1", line.replace("FROM docker.io/library/", "FROM "))


def _shown(raw: bytes) -> str:
    """A line as a person sees it: a carriage return draws it anew."""
    return raw.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")


def _state(vertex: Vertex, instruction: str, seconds: float) -> StepState:
    if vertex.error:
        # BuildKit ends the steps beside the failing one with the error of the cancelled context.
        return StepState.CANCELLED if vertex.error.endswith("context canceled") else StepState.FAILED
    if vertex.cached:
        return StepState.CACHED
    if vertex.completed:
        local = instruction.startswith("FROM") and seconds < _FROM_IS_CACHED_BELOW
        return StepState.CACHED if local else StepState.DONE
    return StepState.RUNNING if vertex.started else StepState.WAITING
