"""Builds on the classic builder, for engines without BuildKit: its text stream read as steps."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from devbox.build.buildkit import build_request, image_id_of, log_event
from devbox.build.context import tar_stream
from devbox.build.failure import LOG_LINES_KEPT, blames_engine, build_failed
from devbox.build.job import BuildJob, step_info
from devbox.build.steps import LogPiece
from devbox.engine.protocol import Engine
from devbox.errors import EngineRefused
from devbox.events import BuildStep, Emit
from devbox.model import Image, Step, StepState

# Podman writes STEP, and in a build of several stages counts anew in each.
_STEP = re.compile(r"(?:Step|(?:\[\d+/\d+\] )?STEP) (\d+)/(\d+) ?: (.*)", re.DOTALL)
_CACHED = re.compile(r" ?-+> Using cache")
_BUILT = re.compile(r"Successfully built ([0-9a-f]+)")
_NOISE = re.compile(r" ?-+> |Removing intermediate container |Successfully tagged |COMMIT ")
# The classic builder colours what a command wrote to stderr.
_STDERR = re.compile(r"\x1b\[91m(.*)\x1b\[0m", re.DOTALL)
_OUR_LABELS = "LABEL dev.devbox."
_REFUSED_AS_WRONG = 400


@dataclass(slots=True)
class _Progress:
    """The steps as the text stream tells them; a step ends when the next one begins.

    `labelled` says that the request had labels: the builder makes a last step of them, which is not shown.
    """

    reasons: Mapping[str, str]
    labelled: bool = False
    steps: list[Step] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    image: str = ""
    _since: float = 0.0
    _announced: bool = False
    _number: int = 0
    _open: tuple[str, int] = ("", 1)

    def feed(self, text: str, now: float) -> tuple[list[Step], list[LogPiece]]:
        """The steps that one message changed, and the lines that it completed of what the command wrote.

        Each line of the builder itself is a message of its own.
        """
        announced, self._announced = self._announced, False
        if announced and text == "\n":
            return [], []
        if match := self._next_step(text):
            self._announced, self._number = True, int(match[1])
            lines = self.finish_line()
            instruction = " ".join(match[3].split())
            changed = self.end(StepState.DONE, now)
            self.log.clear()
            if self.labelled and instruction.startswith(_OUR_LABELS):
                return changed, lines
            index = len(self.steps) + 1
            total = max(index, int(match[2]) - self.labelled)
            self.steps.append(Step(index, total, instruction, StepState.RUNNING))
            self._since = now
            return [*changed, self.steps[-1]], lines
        if _CACHED.match(text):
            return self.end(StepState.CACHED, now), []
        if match := _BUILT.match(text):
            self.image = match[1]
            return self.end(StepState.DONE, now), []
        if _NOISE.match(text):
            return [], self.finish_line()
        return [], self._written(text)

    def end(self, state: StepState, now: float, error: str = "") -> list[Step]:
        """Ends the running step, if there is one."""
        if not self.steps or self.steps[-1].state is not StepState.RUNNING:
            return []
        step = self.steps[-1]
        if step.instruction.startswith("FROM") and state is StepState.DONE:
            state = StepState.CACHED
        reason = "" if state is StepState.CACHED else self.reasons.get(step.instruction, "")
        seconds = round(now - self._since, 3)
        self.steps[-1] = replace(step, state=state, seconds=seconds, reason=reason, error=error)
        return [self.steps[-1]]

    def _next_step(self, text: str) -> re.Match[str] | None:
        """A command may write a line that looks like a step; only the one that is due is one."""
        match = _STEP.match(text)
        if match is None:
            return None
        first = match[1] == "1" and match[3].startswith("FROM")
        return match if first or int(match[1]) == self._number + 1 else None

    def _written(self, text: str) -> list[LogPiece]:
        coloured = _STDERR.fullmatch(text)
        stream = 2 if coloured else 1
        rest, of = self._open
        done = [] if of == stream else self.finish_line()
        *whole, rest = ((rest if of == stream else "") + (coloured[1] if coloured else text)).split("\n")
        self._open = rest, stream
        return [*done, *self._keep(whole, stream)]

    def finish_line(self) -> list[LogPiece]:
        """What the command wrote last, without a line end."""
        (rest, stream), self._open = self._open, ("", 1)
        return self._keep([rest] if rest else [], stream)

    def _keep(self, whole: list[str], stream: int) -> list[LogPiece]:
        lines = [raw.rstrip("\r").rpartition("\r")[2] for raw in whole]
        self.log += lines
        del self.log[:-LOG_LINES_KEPT]
        instruction = self.steps[-1].instruction if self.steps else ""
        return [LogPiece(instruction, line, stream) for line in lines]


class ClassicBuilder:
    """A Builder for engines whose `/build` is the classic builder (Podman, old or unusual ones)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def build(self, job: BuildJob, emit: Emit) -> Image:
        """Sends the context and follows the text stream until the image is there; see Builder."""
        started = time.monotonic()
        progress = _Progress(job.plan.reasons, bool(job.labels))
        image_id = error = ""
        answer = self._engine.build(
            build_request(job, buildkit=False), tar_stream(job.root, job.snapshot, job.extra)
        )
        try:
            async for message in answer:
                _emit(job, *progress.feed(str(message.get("stream", "")), time.monotonic()), emit)
                image_id = image_id_of(message) or image_id
                error = str(message.get("error", "")) or error
        except EngineRefused as refusal:
            if refusal.status != _REFUSED_AS_WRONG:
                raise
            # This builder reads the Dockerfile before it answers.
            raise build_failed("", refusal.cause, ()) from refusal
        if error:
            if blames_engine(error):
                await self._engine.info()
            lines = progress.finish_line()
            _emit(job, progress.end(StepState.FAILED, time.monotonic(), error), lines, emit)
            instruction = progress.steps[-1].instruction if progress.steps else ""
            raise build_failed(instruction, error, tuple(progress.log))
        if not (image_id or progress.image):
            await self._engine.info()
            raise EngineRefused("the engine ended the build without an image and without an error")
        return Image(image_id or progress.image, tuple(progress.steps), time.monotonic() - started)

    async def ended(self) -> None:
        """Nothing goes on after the answer's end."""


def _emit(job: BuildJob, steps: list[Step], lines: list[LogPiece], emit: Emit) -> None:
    for step in steps:
        emit(BuildStep(build=job.number, step=step_info(step)))
    for piece in lines:
        emit(log_event(job, piece))
