"""Long work without news: which of it is due for a sign of life."""

from __future__ import annotations

from dataclasses import dataclass, replace

from devbox.events import (
    BACK_TO,
    BuildFailed,
    BuildFinished,
    BuildLog,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    ChangeIgnored,
    EngineLost,
    Event,
    ReleaseFailed,
    ReleaseServed,
    ReleaseStarted,
    SessionStopped,
)
from devbox.model import StepState
from devbox.report.progress import ends_pull
from devbox.report.text import clean, shorten, whole_seconds

EVERY = 10.0


@dataclass(frozen=True, slots=True)
class _Work:
    """Something under way: what is said of it, since when, and the newest detail."""

    says: str
    since: float
    rank: int
    detail: str = ""


class Pulse:
    """Follows the events and names, every `EVERY` seconds without another line, the work that still goes on.

    Of a build its running steps or its pull are named, the build itself where nothing of it is known to run.
    All times are seconds on one monotonic clock, handed in by the caller.
    """

    def __init__(self) -> None:
        self._works: dict[tuple[str, ...], _Work] = {}
        self._said = 0.0

    def follow(self, event: Event, now: float) -> str:
        """Takes note of an event; gives what announces a pull at its first progress, else ''."""
        match event:
            case BuildStarted():
                self._works.clear()
                self._works[("build",)] = _Work(f"build {event.build} still running", now, rank=1)
            case BuildStep():
                self._follow_step(event, now)
            case BuildLog(stream="progress"):
                return self._follow_pull(event, now)
            case BuildFinished():
                self._drop("build", "step", "pull")
            case BuildFailed() | BuildSuperseded() | SessionStopped() | EngineLost():
                self._works.clear()
            case ReleaseStarted():
                self._works[("release",)] = _Work(f"revision {event.revision} still starting", now, rank=0)
            case ReleaseServed() | ReleaseFailed():
                self._drop("release")
            case ChangeIgnored() if event.reason.startswith(BACK_TO):
                self._works.clear()
            case _:
                pass
        return ""

    def said(self, now: float) -> None:
        """A line about the work was printed: the next sign of life is `EVERY` seconds away."""
        self._said = now

    def due(self, now: float) -> list[str]:
        """What is to be said now: the most particular work under way, with its seconds so far."""
        top = max((work.rank for work in self._works.values()), default=0)
        lines = [
            f"{work.says}, {whole_seconds(now - work.since)}" + (f": {work.detail}" if work.detail else "")
            for work in self._works.values()
            if work.rank == top and now - max(work.since, self._said) >= EVERY
        ]
        if lines:
            self.said(now)
        return lines

    def _follow_step(self, event: BuildStep, now: float) -> None:
        step = event.step
        key = ("step", step.stage, str(step.index), step.instruction)
        if ends_pull(step):
            self._drop("pull")
        if step.state is not StepState.RUNNING:
            self._works.pop(key, None)
        elif key not in self._works:
            says = (
                f"{step_name(step.stage, step.index, step.total)} {shorten(step.instruction)} still running"
            )
            self._works[key] = _Work(says, now - max(step.seconds, 0.0), rank=2)

    def _follow_pull(self, event: BuildLog, now: float) -> str:
        key, detail = ("pull", event.step), clean(event.line)
        known = self._works.get(key)
        if known is not None:
            self._works[key] = replace(known, detail=detail)
            return ""
        self._drop("pull")
        self._works[key] = _Work(f"{shorten(event.step)} still running", now, rank=3, detail=detail)
        return shorten(event.step)

    def _drop(self, *kinds: str) -> None:
        self._works = {key: work for key, work in self._works.items() if key[0] not in kinds}


def step_name(stage: str, index: int, total: int) -> str:
    """A step's place: "step 4/6", with its stage where it has one: "step builder 4/6"."""
    return " ".join(part for part in ("step", clean(stage), f"{index}/{total}") if part)
