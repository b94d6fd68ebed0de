"""What events are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from devbox.model import StepState

VERSION: Literal[1] = 1


class Told(BaseModel):
    """A frozen value that has a JSON form whatever its texts hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, value: object) -> object:
        """File names need not be UTF-8, JSON must be: undecodable bytes become backslash escapes."""
        return _escaped(value)


class AnyEvent(Told):
    """What every event has: the form's version, its number in the session, and when it was told."""

    v: Literal[1] = VERSION
    seq: int = 0
    at: float = 0.0


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, tuple):
        return tuple(_escaped(item) for item in value)
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return value


class Problem(Told):
    """A place in the project that a failure points at, and what is wrong there.

    `file` is relative to the project's folder, with forward slashes; `line` and `column` count from 1, and
    column 0 means the whole line.
    """

    file: str
    line: int
    column: int = 0
    severity: Literal["error", "warning", "info"] = "error"
    message: str


class Failure(Told):
    """What failed, why, what to do next, the last lines of the log that shows it, and where to look."""

    what: str
    cause: str = ""
    hint: str = ""
    log: tuple[str, ...] = ()
    exit_status: int | None = None
    problems: tuple[Problem, ...] = ()


class StepInfo(Told):
    """One instruction of a build; `seconds` is its duration so far."""

    index: int
    total: int
    instruction: str
    state: StepState
    stage: str = ""
    seconds: float = 0.0
    reason: str = ""
    error: str = ""


class AdviceInfo(Told):
    """One thing that could be better in what an image is built from: `message` says what is so and what it
    costs, `hint` what to do; `rule` is its name. `file` and `line` as in Problem."""

    rule: str
    file: str
    line: int
    message: str
    hint: str


class TimingsInfo(Told):
    """Where the seconds between the first write seen and the first answer of the new code went;
    `before_start` is what the commands before the start took."""

    detect: float = 0.0
    context: float = 0.0
    build: float = 0.0
    stage: float = 0.0
    boot: float = 0.0
    flip: float = 0.0
    total: float = 0.0
    before_start: float = 0.0
