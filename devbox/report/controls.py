"""What a person has set on the live screen, and what a key does to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from devbox.report.keys import ACTIONS, ESCAPE, HELP, LOG, Action


class Log(StrEnum):
    """How much of the terminal the application's log gets."""

    ON = "on"
    MORE = "more"
    OFF = "off"


_NEXT = {Log.ON: Log.MORE, Log.MORE: Log.OFF, Log.OFF: Log.ON}
_SAID = {
    Action.REBUILD: "rebuild asked for",
    Action.ROLLBACK: "rollback asked for",
    Action.OPEN: "opening the address",
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question and, by key, the answers that it takes; Esc is always one more."""

    question: str
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Controls:
    """`keys` is true where somebody reads them; `said` acknowledges a key until something happens."""

    keys: bool = False
    help: bool = False
    log: Log = Log.ON
    prompt: Prompt | None = None
    said: str = ""


NO_CONTROLS = Controls()


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a key leads to: other controls, and an action, or the answer to the prompt ("" for Esc)."""

    controls: Controls
    action: Action | None = None
    answer: str | None = None


def press(controls: Controls, key: str) -> Pressed:
    """What `key` does; a prompt takes every key."""
    if controls.prompt is not None:
        if key == ESCAPE:
            return Pressed(replace(controls, prompt=None), answer="")
        if key in controls.prompt.choices:
            return Pressed(replace(controls, prompt=None), answer=key)
        return Pressed(controls)
    if key == HELP:
        return Pressed(replace(controls, help=not controls.help))
    if key == ESCAPE:
        return Pressed(replace(controls, help=False))
    if key == LOG:
        return Pressed(replace(controls, log=_NEXT[controls.log]))
    action = ACTIONS.get(key)
    if action is None:
        return Pressed(controls)
    return Pressed(replace(controls, help=False, said=_SAID.get(action, "")), action=action)
