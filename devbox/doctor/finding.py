"""What the doctor found, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SETTINGS = "settings"
ENGINE = "engine"
_EXITS = {SETTINGS: 2, ENGINE: 3}


class State(StrEnum):
    """How it is: a warning does not keep `devbox up` from serving, a failure does."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `next_step` is what to do about it, '' where nothing is to be done."""

    check: str
    state: State
    text: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A check that could not be made, for a reason that another finding tells."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything found of one project, in the order in which it is shown."""

    project: str
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> State:
        """The worst state of all."""
        states = {finding.state for finding in self.findings}
        return next((state for state in (State.FAILURE, State.WARNING) if state in states), State.OK)

    @property
    def exit_code(self) -> int:
        """0 without a failure; 2 where the settings cannot be read, else 3 without an engine, else 1."""
        failed = {finding.check for finding in self.findings if finding.state is State.FAILURE}
        return next((code for check, code in _EXITS.items() if check in failed), 1 if failed else 0)


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, next_step: str) -> Finding:
    """It serves, but not as it could."""
    return Finding(check, State.WARNING, text, next_step)


def failure(check: str, text: str, next_step: str) -> Finding:
    """It will not serve like this."""
    return Finding(check, State.FAILURE, text, next_step)


def skipped(found: tuple[Skipped, ...]) -> tuple[Finding, ...]:
    """One line for each reason, however many checks it cost."""
    return tuple(
        warning(
            "not looked at",
            f"{', '.join(one.check for one in found if one.reason == reason)}: {reason}",
            "put right what is told above, then run devbox doctor again",
        )
        for reason in dict.fromkeys(one.reason for one in found)
    )
