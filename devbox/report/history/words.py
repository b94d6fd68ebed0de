"""The words that the table, the timeline and the plain lines share. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from devbox.report.history.records import BuildRecord, FailureRecord, StepRecord
from devbox.report.text import clean, seconds, shorten

_LEAST = 8


def day(at: float) -> str:
    """The local date: 2026-11-27."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def clock(at: float) -> str:
    """The local time: 14:03:22."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def went(build: BuildRecord) -> str:
    """How it went, in one word."""
    return clean(build.went)


def cause(build: BuildRecord) -> str:
    """What the build followed, in one line."""
    return clean(build.cause)


@dataclass(frozen=True, slots=True)
class Note:
    """A line below a build: `tail` is what may not be cut off."""

    kind: Literal["failed", "superseded", "unusual"]
    what: str
    tail: str = ""

    def within(self, width: int) -> str:
        """The note on at most `width` characters where there is room for its tail and a few more."""
        return f"{shorten(self.what, max(width - len(self.tail), _LEAST))}{self.tail}"


def notes(build: BuildRecord) -> Iterator[Note]:
    """What deserves a line of its own below the build."""
    if build.failure is not None:
        yield failed(build.failure)
    if build.outcome == "superseded":
        yield Note("superseded", clean(build.superseded_by))
    for step in build.steps:
        if step.usual is not None:
            yield Note("unusual", step.instruction, f" {unusual(step, step.usual)}")


def failed(failure: FailureRecord) -> Note:
    """What failed: the step with its exit status, or what the failure calls itself."""
    if not failure.step:
        return Note("failed", failure.what)
    status = "" if failure.exit_status is None else f" (exit {failure.exit_status})"
    return Note("failed", failure.step, status)


def unusual(step: StepRecord, usual: float) -> str:
    """How long it took, and how long it usually does."""
    return f"{seconds(step.seconds)}, usually {seconds(usual)}"
