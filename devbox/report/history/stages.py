"""Where the stages of a build lie on its own clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devbox.report.history.records import BuildRecord


@dataclass(frozen=True, slots=True)
class Span:
    """A stage from `start` on, in seconds since the save; they may overlap."""

    name: str
    start: float
    seconds: float


def spans(build: BuildRecord) -> tuple[Span, ...]:
    """What is known of the stages, in the order they began: each with the duration that was measured, at the
    place that the events give it."""
    found = [Span(name, round(max(start, 0.0), 4), round(took, 4)) for name, start, took in _spans(build)]
    return tuple(span for span in found if span.seconds > 0)


def end_of(build: BuildRecord) -> float:
    """The last moment that is known of a build, in seconds since the save."""
    moments = [build.timings.total or build.ended or 0.0, build.began, build.built or 0.0]
    moments += [span.start + span.seconds for span in spans(build)]
    moments += [step.start + step.seconds for step in build.steps if step.start is not None]
    return max(moments)


def _spans(build: BuildRecord) -> Iterator[tuple[str, float, float]]:
    took = build.timings
    if not build.release_only:
        yield "detect", build.began - took.context - took.detect, took.detect
        yield "context", build.began - took.context, took.context
        if build.built is not None:
            yield "build", build.built - took.build, took.build
        elif build.ended is not None:
            yield "build", build.began, build.ended - build.began
    if build.outcome == "served":
        flip = took.total - took.flip
        if build.strategy == "warm":
            # Beside the build, from its start on.
            yield "stage", build.began, took.stage
            yield "boot", build.began + took.stage, took.boot
        else:
            yield "boot", flip - took.boot, took.boot
        yield "flip", flip, took.flip
    elif build.outcome == "start failed" and build.ended is not None:
        start = build.began if build.built is None else build.built
        yield "boot", start, build.ended - start
