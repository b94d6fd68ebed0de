"""What a builder is asked for, and what every builder is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from devbox.events import Emit, StepInfo
from devbox.model import Image, Plan, Snapshot, Step


@dataclass(frozen=True, slots=True)
class Asked:
    """What the builder will ask of us while it builds, for which it needs a `session`.

    `secrets` are those that can be given, `missing` says of each other one that is mounted why it cannot.
    """

    session: bool = False
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildJob:
    """One build: `number` is the revision it will become, `dockerfile` the name within the tar, `extra`
    what the tar holds besides the snapshot (name -> content)."""

    number: int
    tag: str
    root: Path
    snapshot: Snapshot
    plan: Plan
    dockerfile: str
    labels: Mapping[str, str]
    extra: Mapping[str, bytes] = field(default_factory=dict)
    target: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False
    network: str = ""
    asked: Asked = Asked()


class Builder(Protocol):
    """Turns a job into an image, saying what it does by events.

    Raises BuildFailed for the user's failing step, EngineError for an engine that failed, Superseded for a
    context that changed under the build. Cancelling the call ends the build on the engine too.
    """

    async def build(self, job: BuildJob, emit: Emit) -> Image: ...

    async def ended(self) -> None:
        """Returns when nothing of a build goes on any more; called once after each, also where it failed."""


def step_info(step: Step) -> StepInfo:
    """The event form of a step."""
    return StepInfo(
        index=step.index,
        total=step.total,
        instruction=step.instruction,
        state=step.state,
        stage=step.stage,
        seconds=step.seconds,
        reason=step.reason,
        error=step.error,
    )
