"""From the lines of a journal to the builds that they tell of. Pure.

The fields of events are taken as they stand: to validate all that a journal holds would take longer than a
verb may.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from devbox.model import Timings
from devbox.report.history.fields import Fields, inner, inners, seconds, status, text, texts, whole
from devbox.report.history.records import BuildRecord, FailureRecord, Outcome, Past
from devbox.report.history.steps import step_records
from devbox.report.journal_reader import Line

_CHANGES = ("modified", "added", "removed")
_PHASES = ("detect", "context", "build", "stage", "boot", "flip", "total")


def past(lines: Iterable[Line], *, alive: bool = False, detailed: int | None = None) -> Past:
    """The builds that these lines of a journal tell of.

    A build without an end is "running" where its daemon is `alive`, else "cut off". When a step began is
    worked out for builds of the number `detailed` only. A line that cannot be read is passed over.
    """
    story = _Story(detailed)
    for line in lines:
        story.hear(line)
    story.close("running" if alive else "cut off")
    return Past(story.project, tuple(story.builds))


@dataclass(slots=True)
class _Open:
    """A build that has not ended as far as was read; the lines of its steps are read when it has."""

    number: int
    started: Fields
    change: Fields
    release_only: bool = False
    steps: list[Line] = field(default_factory=list)
    finished: Fields = field(default_factory=dict)
    finished_at: float = 0.0
    release: Fields = field(default_factory=dict)


class _Story:
    def __init__(self, detailed: int | None) -> None:
        self.project = ""
        self.builds: list[BuildRecord] = []
        self._detailed = detailed
        self._session: tuple[int, int] | None = None
        self._open: _Open | None = None
        self._change: Fields = {}
        self._hearing = {
            "session.started": self._session_started,
            "session.stopped": self._session_stopped,
            "change.detected": self._change_detected,
            "change.ignored": self._change_ignored,
            "build.started": self._build_started,
            "build.finished": self._build_finished,
            "build.failed": self._build_failed,
            "build.superseded": self._build_superseded,
            "release.started": self._release_started,
            "release.served": self._release_served,
            "release.failed": self._release_failed,
        }

    def hear(self, line: Line) -> None:
        if line.session != self._session:
            # Whoever told of a build before was killed.
            self.close("cut off")
            self._session, self._change = line.session, {}
        if line.kind == "build.step":
            if self._open is not None:
                self._open.steps.append(line)
        elif heard := self._hearing.get(line.kind):
            try:
                fields = line.fields()
            except ValueError:
                return
            heard(fields)

    def _session_started(self, event: Fields) -> None:
        self.project = text(event, "project")

    def _session_stopped(self, _: Fields) -> None:
        self.close("cut off")

    def _change_detected(self, event: Fields) -> None:
        self._change = event

    def _change_ignored(self, event: Fields) -> None:
        if text(event, "reason").startswith("back to "):
            self._change = {}

    def _build_started(self, event: Fields) -> None:
        self.close("cut off")
        self._open = _Open(whole(event, "build"), event, self._change)
        self._change = {}

    def _build_finished(self, event: Fields) -> None:
        if open_ := self._opened(whole(event, "build")):
            open_.finished, open_.finished_at = event, seconds(event, "at")

    def _build_failed(self, event: Fields) -> None:
        if self._opened(whole(event, "build")):
            self.close("failed", event, failure=_failure(event), serving=whole(event, "serving"))

    def _build_superseded(self, event: Fields) -> None:
        if self._opened(whole(event, "build")):
            self.close("superseded", event, superseded_by=text(event, "cause"))

    def _release_started(self, event: Fields) -> None:
        self._releasing(event).release = event

    def _release_served(self, event: Fields) -> None:
        if text(event, "strategy") in ("adopted", "restarted"):
            return
        open_ = self._releasing(event)
        open_.release = {**open_.release, "strategy": text(event, "strategy")}
        self.close("served", event, url=text(event, "url"))

    def _release_failed(self, event: Fields) -> None:
        self._releasing(event)
        self.close("start failed", event, failure=_failure(event), serving=whole(event, "serving"))

    def _opened(self, number: int) -> _Open | None:
        return self._open if self._open is not None and self._open.number == number else None

    def _releasing(self, event: Fields) -> _Open:
        """What is released: the build that was begun, or an older revision without one."""
        number = whole(event, "revision")
        if open_ := self._opened(number):
            return open_
        self.close("cut off")
        self._open = open_ = _Open(number, event, {}, release_only=True)
        return open_

    def close(
        self,
        outcome: Outcome,
        end: Fields | None = None,
        *,
        failure: FailureRecord | None = None,
        serving: int = 0,
        url: str = "",
        superseded_by: str = "",
    ) -> None:
        """Nothing more is told of the build that is open, if one is."""
        open_, self._open = self._open, None
        if open_ is None:
            return
        timings = _timings(open_, end or {})
        zero = _zero(open_, timings, end or {})
        ended = None if end is None else _after(zero, seconds(end, "at"))
        release_only = open_.release_only
        if ended is not None and not timings.total:
            # Only a start that failed has no duration of its own.
            timings = Timings(build=timings.build, total=ended)
        self.builds.append(
            BuildRecord(
                number=open_.number,
                at=zero,
                outcome=outcome,
                cause=text(open_.release, "reason") if release_only else text(open_.started, "cause"),
                changed=tuple(path for name in _CHANGES for path in texts(open_.change, name)),
                saved=bool(open_.change),
                release_only=release_only,
                strategy=text(open_.release, "strategy"),
                reason="" if release_only else text(open_.release, "reason"),
                url=url,
                timings=timings,
                steps=step_records(
                    self._steps_of(open_),
                    inners(open_.finished, "steps"),
                    zero if open_.number == self._detailed else None,
                ),
                failure=failure,
                superseded_by=superseded_by,
                serving=serving,
                began=_after(zero, seconds(open_.started, "at")),
                built=_after(zero, open_.finished_at) if open_.finished else None,
                ended=ended,
            )
        )

    def _steps_of(self, open_: _Open) -> Iterable[Fields]:
        if open_.finished and open_.number != self._detailed:
            # Its end has all of them.
            return
        for line in open_.steps:
            try:
                event = line.fields()
            except ValueError:
                continue
            if whole(event, "build") == open_.number:
                yield event


def _zero(open_: _Open, timings: Timings, end: Fields) -> float:
    """When the first write was seen, on the scale of `at`; without a save, when the build was begun."""
    started, change = seconds(open_.started, "at"), open_.change
    if change:
        zero = min(seconds(change, "at") - seconds(change, "seconds"), started)
    else:
        zero = started - timings.detect - timings.context
    # A save whose build was called off counts from its own first write on.
    return max(min(zero, seconds(end, "at") - timings.total), 0.0) if timings.total else zero


def _after(zero: float, at: float) -> float:
    return round(max(at - zero, 0.0), 4)


def _timings(open_: _Open, end: Fields) -> Timings:
    if told := inner(end, "timings"):
        return Timings(**{name: seconds(told, name) for name in _PHASES})
    return Timings(build=seconds(open_.finished, "seconds"), total=seconds(end, "seconds"))


def _failure(event: Fields) -> FailureRecord:
    failure = inner(event, "failure")
    return FailureRecord(
        what=text(failure, "what"),
        step=text(event, "step"),
        cause=text(failure, "cause"),
        hint=text(failure, "hint"),
        log=texts(failure, "log"),
        exit_status=status(failure, "exit_status"),
    )
