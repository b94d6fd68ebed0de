"""What `devbox status` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from devbox.report.failure import PREFIX, reason_lines
from devbox.report.text import clean

_NOTHING = "nothing runs; devbox up -d starts a project in the background"


class Standing(Protocol):
    """How a project stands; `daemon.status.Status` is it."""

    @property
    def project(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def urls(self) -> tuple[str, ...]: ...
    @property
    def reason(self) -> str: ...
    @property
    def daemon(self) -> int | None: ...
    @property
    def elsewhere(self) -> tuple[str, ...]: ...
    @property
    def building(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def failure(self) -> Mapping[str, Any] | None: ...
    @property
    def paused(self) -> bool: ...
    @property
    def rolled_back(self) -> bool: ...
    @property
    def settings_refused(self) -> str: ...


def status_lines(found: Standing) -> list[str]:
    """One project for a person."""
    if found.state == "serving":
        said = [f"{PREFIX}{found.project} serving revision {found.revision} at {' '.join(found.urls)}"]
        if found.daemon is None:
            said.append(f"{PREFIX}no devbox watches it; devbox up takes it over")
    else:
        said = [f"{PREFIX}{found.project} {found.state}", *reason_lines(clean(found.reason), "")]
    said.extend(f"{PREFIX}{clean(root)} runs under the same name" for root in found.elsewhere)
    if found.building:
        said.append(f"{PREFIX}build {found.building} is under way")
    elif found.failure is not None and found.state == "serving":
        failure = found.failure
        said.append(f"{PREFIX}the newest save does not serve: {clean(str(failure['what']))}")
        said.extend(reason_lines(str(failure["cause"]), str(failure["hint"])))
    if found.rolled_back:
        said.append(f"{PREFIX}rolled back; the next save goes forward again")
    if found.settings_refused:
        refused = clean(found.settings_refused)
        said.append(f"{PREFIX}the settings on disk are refused, the former ones stay: {refused}")
    if found.paused:
        said.append(f"{PREFIX}watching is paused; devbox resume builds what is on disk")
    return said


def table_lines(every: Sequence[Standing]) -> list[str]:
    """Projects for a person, one a line."""
    if not every:
        return [f"{PREFIX}{_NOTHING}"]
    rows = [("PROJECT", "STATE", "REVISION", "URL", "FOLDER"), *(_row(found) for found in every)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]))
        for row in rows
    ]


def _row(found: Standing) -> tuple[str, ...]:
    state = found.state
    if state == "serving":
        state = "unwatched" if found.daemon is None else "paused" if found.paused else state
    revision = (
        f"{found.revision} ({found.failed} failed)"
        if found.failed and found.revision
        else f"{found.revision or '-'}"
    )
    return (found.project, state, revision, " ".join(found.urls), clean(found.root))
