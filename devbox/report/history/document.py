"""The builds as one JSON object: what `devbox history --json` prints.

    devbox history      History: the shown builds, oldest first, and the steps that took longest in them
    devbox history 17   Build: one build, where its stages lie on its clock, and what its steps wrote

Durations are in seconds; `at` is in seconds since the epoch. `v` grows when a field changes its meaning or
goes away; new ones may come at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from devbox.report.history.records import BuildRecord
from devbox.report.history.stages import Span
from devbox.report.history.usual import SlowStep


@dataclass(frozen=True, slots=True)
class History:
    """What `devbox history --json` prints; `known` counts all builds that the journal tells of."""

    v: Literal[1]
    project: str
    known: int
    builds: tuple[BuildRecord, ...]
    slowest: tuple[SlowStep, ...]


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line that a step wrote."""

    step: str
    stream: Literal["stdout", "stderr", "progress"]
    line: str


@dataclass(frozen=True, slots=True)
class Build:
    """What `devbox history 17 --json` prints."""

    v: Literal[1]
    project: str
    build: BuildRecord
    stages: tuple[Span, ...]
    output: tuple[OutputLine, ...]


def to_json(document: History | Build) -> str:
    """One line of JSON without a line end."""
    return TypeAdapter(type(document)).dump_json(document).decode()
