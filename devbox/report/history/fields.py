"""Fields of an event that nobody validated: what has another form than expected counts as not told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from devbox.model import StepState

Fields = Mapping[str, Any]


def text(fields: Fields, name: str) -> str:
    """The text, '' where there is none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def texts(fields: Fields, name: str) -> tuple[str, ...]:
    """The texts of a list."""
    value = fields.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def whole(fields: Fields, name: str) -> int:
    """The whole number, 0 where there is none."""
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def status(fields: Fields, name: str) -> int | None:
    """The exit status, None where there is none."""
    return whole(fields, name) if isinstance(fields.get(name), int) else None


def seconds(fields: Fields, name: str) -> float:
    """The duration or time, 0 where there is none or it is no finite number above 0."""
    value = fields.get(name)
    try:
        told = float(value) if isinstance(value, int | float) else 0.0
    except OverflowError:
        return 0.0
    return max(told, 0.0) if math.isfinite(told) else 0.0


def inner(fields: Fields, name: str) -> Fields:
    """The object within, an empty one where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def inners(fields: Fields, name: str) -> tuple[Fields, ...]:
    """The objects of a list."""
    value = fields.get(name)
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def state(fields: Fields) -> StepState | None:
    """The state of a step, None for one that this version does not know."""
    try:
        return StepState(text(fields, "state"))
    except ValueError:
        return None
