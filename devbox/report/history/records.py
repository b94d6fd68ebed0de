"""What is known of one build, or of a revision that was let serve again without one.

Dataclasses and not models: they are made for each build of a journal, and most verbs show a few. `at` is
wall-clock time in seconds since the epoch; `start`, `began`, `built` and `ended` are seconds since the first
write that the build followed, where it followed one, else since it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devbox.model import StepState, Timings

Outcome = Literal["served", "failed", "start failed", "superseded", "running", "cut off"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One instruction; `start` is None where it did not run, or was not asked for: in lists of builds.

    `usual` is the median of its seconds in earlier builds, where this time it was far off it.
    """

    index: int
    total: int
    instruction: str
    state: StepState
    stage: str = ""
    seconds: float = 0.0
    reason: str = ""
    start: float | None = None
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """What failed, why, what to do next; `step` is the failing instruction of a build."""

    what: str
    step: str = ""
    cause: str = ""
    hint: str = ""
    log: tuple[str, ...] = ()
    exit_status: int | None = None


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One build and the release of its image; with `release_only`, an older revision let serve again.

    `saved` says that it followed a change, so that `timings.total` is from a save on. `timings` are those of
    what serves; of what failed or was superseded `total` alone is known, and of an image that never served
    `build`. `strategy` is that of the release, '' where none was begun; `reason` says why it was not "warm".
    `serving` is the revision that went on serving after a failure, 0 where none did.
    """

    number: int
    at: float
    outcome: Outcome
    cause: str = ""
    changed: tuple[str, ...] = ()
    saved: bool = False
    release_only: bool = False
    strategy: str = ""
    reason: str = ""
    url: str = ""
    timings: Timings = field(default_factory=Timings)
    steps: tuple[StepRecord, ...] = ()
    failure: FailureRecord | None = None
    superseded_by: str = ""
    serving: int = 0
    began: float = 0.0
    built: float | None = None
    ended: float | None = None

    @property
    def went(self) -> str:
        """How it went in one word: how it was released where it serves, else the outcome."""
        return self.strategy if self.outcome == "served" and self.strategy else self.outcome

    @property
    def ran(self) -> int:
        """How many steps were begun."""
        return sum(
            step.state in (StepState.DONE, StepState.RUNNING, StepState.FAILED, StepState.CANCELLED)
            for step in self.steps
        )

    @property
    def cached(self) -> int:
        """How many steps came out of the builder's cache."""
        return sum(step.state is StepState.CACHED for step in self.steps)


@dataclass(frozen=True, slots=True)
class Past:
    """The builds that a journal tells of, oldest first; `project` as the last session called it, '' where
    none did."""

    project: str = ""
    builds: tuple[BuildRecord, ...] = ()

    def newest(self, number: int) -> BuildRecord | None:
        """The newest build with this number: a rebuilt engine begins at 1 again. A release of its revision
        without a build only where nothing is known of that build."""
        found = [build for build in self.builds if build.number == number]
        found = [build for build in found if not build.release_only] or found
        return found[-1] if found else None
