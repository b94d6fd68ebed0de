"""The words that the table, the timeline and the plain lines share. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator

from devbox.report.history.records import BuildRecord, FailureRecord, StepRecord
from devbox.report.text import clean, seconds, shorten


def day(at: float) -> str:
    """The local date: 2026-11-27."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def clock(at: float) -> str:
    """The local time: 14:03:22."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def cause(build: BuildRecord) -> str:
    """What the build followed, in one line."""
    return clean(build.cause)


def notes(build: BuildRecord) -> Iterator[tuple[str, str]]:
    """What deserves a line below the build, each with a kind: "failed", "superseded", "unusual"."""
    if build.failure is not None:
        yield "failed", failed(build.failure)
    if build.outcome == "superseded":
        yield "superseded", clean(build.superseded_by)
    for step in build.steps:
        if step.usual is not None:
            yield "unusual", f"{shorten(step.instruction)} {unusual(step, step.usual)}"


def failed(failure: FailureRecord) -> str:
    """What failed: the step with its exit status, or what the failure calls itself."""
    if not failure.step:
        return clean(failure.what)
    status = "" if failure.exit_status is None else f" (exit {failure.exit_status})"
    return f"{shorten(failure.step)}{status}"


def unusual(step: StepRecord, usual: float) -> str:
    """How long it took, and how long it usually does."""
    return f"{seconds(step.seconds)}, usually {seconds(usual)}"
