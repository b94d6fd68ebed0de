"""The builds as lines without colours or drawings, for pipes and files: the columns keep their places.

    build  when                 how           ran  cached  detect …   total  cause
       55  2026-11-27 14:05:10  rolling         3       4   0.008 …  41.900  requirements.txt
           ! RUN pip install -r requirements.txt 41.2s, usually 6.02s

Durations are in seconds, "-" where there is none. Lines that begin with more than six blanks belong to the
build above them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devbox.model import StepState
from devbox.report.failure import reason_lines
from devbox.report.history import words
from devbox.report.history.records import BuildRecord
from devbox.report.history.stages import spans
from devbox.report.history.usual import SlowStep
from devbox.report.text import clean, shorten

_PHASES = ("detect", "context", "build", "stage", "boot", "flip", "total")
_WIDTH = 8
_LONGEST = 200
_NOTES = {"failed": "failed: ", "superseded": "superseded: ", "unusual": "! "}


def plain_table(shown: Sequence[BuildRecord], slow: Sequence[SlowStep]) -> Iterator[str]:
    """One line a build, newest last, its notes below it; then the steps that took longest."""
    names = "".join(f"{name:>{_WIDTH}}" for name in _PHASES)
    yield f"build  {'when':19}  {'how':12}  ran  cached{names}  cause"
    for build in shown:
        counts = f"{'-':>3}  {'-':>6}" if build.release_only else f"{build.ran:3}  {build.cached:6}"
        took = "".join(_seconds(getattr(build.timings, name)) for name in _PHASES)
        when = f"{words.day(build.at)} {words.clock(build.at)}"
        went = f"{words.went(build):12}"
        yield f"{build.number:5}  {when}  {went}  {counts}{took}  {words.cause(build)}".rstrip()
        for note in words.notes(build):
            yield f"{'':5}  {_NOTES[note.kind]}{note.within(_LONGEST)}"
    if slow:
        yield ""
        yield f"{'median':>{_WIDTH}}{'longest':>{_WIDTH + 1}}  runs  slowest steps"
    for step in slow:
        stage = f"{clean(step.stage)}: " if step.stage else ""
        took = f"{_seconds(step.median)} {_seconds(step.longest)}"
        yield f"{took}  {step.runs:4}  {stage}{shorten(step.instruction)}"


def plain_timeline(build: BuildRecord, log: Sequence[str]) -> Iterator[str]:
    """One line a stage and step: where it begins on the build's clock, how long it took, what it was."""
    when = f"{words.day(build.at)} {words.clock(build.at)}"
    yield f"build {build.number}: {words.went(build)}, {when}, {words.cause(build)}".rstrip(", ")
    if build.changed:
        yield f"changed: {', '.join(map(clean, build.changed))}"
    if build.reason:
        yield f"not warm: {shorten(build.reason, _LONGEST)}"
    yield f"{'start':>{_WIDTH}}{'seconds':>{_WIDTH + 1}}  what"
    for span in spans(build):
        yield f"{_seconds(span.start, zero=True)} {_seconds(span.seconds)}  {span.name}"
    for step in build.steps:
        begun = step.start is not None
        start = _seconds(step.start or 0.0, zero=begun)
        took = _seconds(step.seconds, zero=begun and step.state is not StepState.RUNNING)
        stage = f"{clean(step.stage)} " if step.stage else ""
        reason = f" ({clean(step.reason)})" if step.reason and step.state is not StepState.CACHED else ""
        what = f"step {stage}{step.index}/{step.total} {step.state.value} {shorten(step.instruction)}{reason}"
        yield f"{start} {took}  {what}"
        if step.usual is not None:
            yield f"{'':{2 * _WIDTH + 1}}  ! {words.unusual(step, step.usual)}"
    yield from _ending(build, log)


def _ending(build: BuildRecord, log: Sequence[str]) -> Iterator[str]:
    if build.outcome == "served":
        yield f"served in {build.timings.total:.3f} s at {clean(build.url)}"
    for note in words.notes(build):
        if note.kind != "unusual":
            yield f"{build.outcome} after {build.timings.total:.3f} s: {note.within(_LONGEST)}"
    if build.failure is not None:
        yield from (f"  {clean(line)}" for line in log)
        yield from reason_lines(build.failure.cause, build.failure.hint)
        if build.serving:
            yield f"revision {build.serving} kept serving"


def _seconds(value: float, *, zero: bool = False) -> str:
    return f"{value:{_WIDTH}.3f}" if value or zero else f"{'-':>{_WIDTH}}"
