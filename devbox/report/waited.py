"""What `devbox wait` says."""

from __future__ import annotations

from typing import Literal, Protocol

from devbox.events import Failure
from devbox.report.failure import PREFIX, reason_lines
from devbox.report.text import clean


class Waited(Protocol):
    """What became of the waiting; `daemon.api.models.Waited` is it."""

    @property
    def result(self) -> Literal["serving", "failed", "timeout"]: ...
    @property
    def revision(self) -> int: ...
    @property
    def building(self) -> int: ...
    @property
    def failure(self) -> Failure | None: ...


def waited_lines(waited: Waited, timeout: float) -> list[str]:
    """The lines for a person."""
    if waited.result == "serving":
        return [f"{PREFIX}revision {waited.revision} serves what is on disk"]
    serving = f"revision {waited.revision} still serves" if waited.revision else "no revision is serving"
    if waited.failure is None:
        doing = f"build {waited.building} is still under way" if waited.building else "nothing was told yet"
        return [f"{PREFIX}what is on disk does not serve after {timeout:g}s: {doing}; {serving}"]
    failure = waited.failure
    log = [f"{PREFIX}  | {clean(line)}" for line in failure.log]
    return [
        f"{PREFIX}what is on disk does not serve: {clean(failure.what)}; {serving}",
        *log,
        *reason_lines(failure.cause, failure.hint),
    ]
