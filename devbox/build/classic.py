"""Builds on the classic builder, for engines without BuildKit: its text stream read as steps."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from devbox.build.buildkit import build_request, image_id_of
from devbox.build.context import tar_stream
from devbox.build.failure import blames_engine, build_failed
from devbox.build.job import BuildJob, step_info
from devbox.engine.protocol import Engine
from devbox.errors import EngineRefused
from devbox.events import BuildLog, BuildStep, Emit
from devbox.model import Image, Step, StepState

_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
_CACHED = " ---> Using cache"
_BUILT = re.compile(r"Successfully built ([0-9a-f]+)")
_NOISE = re.compile(r" ---> |Removing intermediate container |Successfully tagged ")
_LOG_LINES_KEPT = 40


@dataclass(slots=True)
class _Progress:
    """The steps as the text stream tells them; a step ends when the next one begins."""

    reasons: Mapping[str, str]
    steps: list[Step] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    image: str = ""
    since: float = 0.0

    def feed(self, line: str, now: float) -> tuple[list[Step], str]:
        """The steps that changed by this line, and the line itself where the step's command wrote it."""
        if match := _STEP.match(line):
            changed = self.end(StepState.DONE, now)
            instruction = " ".join(match[3].split())
            self.steps.append(Step(int(match[1]), int(match[2]), instruction, StepState.RUNNING))
            self.since = now
            self.log.clear()
            return [*changed, self.steps[-1]], ""
        if line.startswith(_CACHED):
            return self.end(StepState.CACHED, now), ""
        if match := _BUILT.match(line):
            self.image = match[1]
            return self.end(StepState.DONE, now), ""
        if not line or _NOISE.match(line):
            return [], ""
        self.log.append(line)
        del self.log[:-_LOG_LINES_KEPT]
        return [], line

    def end(self, state: StepState, now: float, error: str = "") -> list[Step]:
        if not self.steps or self.steps[-1].state is not StepState.RUNNING:
            return []
        step = self.steps[-1]
        if step.instruction.startswith("FROM") and state is StepState.DONE:
            state = StepState.CACHED
        reason = "" if state is StepState.CACHED else self.reasons.get(step.instruction, "")
        seconds = round(now - self.since, 3)
        self.steps[-1] = replace(step, state=state, seconds=seconds, reason=reason, error=error)
        return [self.steps[-1]]


class ClassicBuilder:
    """A Builder for engines whose `/build` is the classic builder (Podman, old or unusual ones)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def build(self, job: BuildJob, emit: Emit) -> Image:
        """Sends the context and follows the text stream until the image is there; see Builder."""
        started = time.monotonic()
        progress = _Progress(job.plan.reasons)
        image_id = error = ""
        rest = ""
        answer = self._engine.build(
            build_request(job, buildkit=False), tar_stream(job.root, job.snapshot, job.extra)
        )
        async for message in answer:
            *lines, rest = (rest + str(message.get("stream", ""))).split("\n")
            for line in lines:
                _report(job, progress, line.rstrip("\r"), emit)
            image_id = image_id_of(message) or image_id
            if "error" in message:
                error = str(message["error"])
        if error:
            if blames_engine(error):
                await self._engine.info()
            for step in progress.end(StepState.FAILED, time.monotonic(), error):
                emit(BuildStep(build=job.number, step=step_info(step)))
            instruction = progress.steps[-1].instruction if progress.steps else ""
            raise build_failed(instruction, error, tuple(progress.log))
        if not (image_id or progress.image):
            await self._engine.info()
            raise EngineRefused("the engine ended the build without an image and without an error")
        return Image(image_id or progress.image, tuple(progress.steps), time.monotonic() - started)


def _report(job: BuildJob, progress: _Progress, line: str, emit: Emit) -> None:
    steps, log = progress.feed(line, time.monotonic())
    for step in steps:
        emit(BuildStep(build=job.number, step=step_info(step)))
    if log:
        emit(
            BuildLog(
                build=job.number, step=progress.steps[-1].instruction if progress.steps else "", line=log
            )
        )
