"""What a service's state is called in front of people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from devbox.daemon.unit.managers import ServiceState
from devbox.report.failure import PREFIX
from devbox.report.text import clean


def installed_lines(state: ServiceState) -> list[str]:
    """What was written and started, and whether it needs lingering."""
    return [
        f"{PREFIX}wrote {clean(state.path)}",
        f"{PREFIX}{state.unit} {state.active or 'is started'}{_status(state)}",
        *_lingering(state),
        f"{PREFIX}  try: {state.logs}",
    ]


def uninstalled_lines(root: Path, removed: Sequence[str], problem: str, holder: int | None) -> list[str]:
    """What was removed, and what may still run."""
    if not removed:
        return [f"{PREFIX}no service of {clean(str(root))} is installed"]
    lines = [f"{PREFIX}removed {clean(path)}" for path in removed]
    if problem:
        lines.append(f"{PREFIX}the service manager could not be told: {clean(problem)}")
    if holder is not None:
        lines.append(f"{PREFIX}process {holder} still runs the project; devbox down ends it")
    return lines


def state_lines(state: ServiceState) -> list[str]:
    """Whether it is there, enabled and active, since when, its last lines, and how to see more of them."""
    if not state.installed:
        return [
            f"{PREFIX}no service of {clean(state.root)} is installed",
            f"{PREFIX}  try: devbox service install",
        ]
    enabled = {True: "enabled", False: "not enabled", None: ""}[state.enabled]
    active = state.active or "state unknown"
    since = f" since {_local(state.since)}" if state.since is not None and state.active == "active" else ""
    return [
        f"{PREFIX}{state.unit} {', '.join(filter(None, (enabled, active)))}{since}{_status(state)}",
        f"{PREFIX}unit {clean(state.path)}",
        *([f"{PREFIX}  why: {clean(state.problem)}"] if state.problem else []),
        *_lingering(state),
        *(f"log | {clean(line)}" for line in state.log),
        f"{PREFIX}  try: {state.logs}",
    ]


def _status(state: ServiceState) -> str:
    return f": {clean(state.status)}" if state.status else ""


def _lingering(state: ServiceState) -> list[str]:
    if state.manager != "systemd":
        return []
    match state.lingers:
        case True:
            return [f"{PREFIX}lingering is on: it runs from boot on, without a login"]
        case False:
            return [
                f"{PREFIX}lingering is off: it runs from your first login to your last logout",
                f"{PREFIX}  try: loginctl enable-linger (then it runs from boot on)",
            ]
        case None:
            return [f"{PREFIX}whether it runs without a login is not known: loginctl tells nothing here"]


def _local(since: float) -> str:
    return datetime.fromtimestamp(since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
