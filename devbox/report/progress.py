"""How far the pull of a base image is, read from the words of whoever does it."""

from __future__ import annotations

import re

from devbox.events import StepInfo
from devbox.model import StepState
from devbox.report.text import clean

_LONGEST_LINE = 200
_AMOUNTS = re.compile(
    r"(?P<current>\d{1,15}(?:\.\d+)?) ?(?P<unit>[kKMGT]?i?B?) ?(?:/|of) ?"
    r"(?P<total>\d{1,15}(?:\.\d+)?) ?(?P<of>[kKMGT]?i?B?)\b"
)
_PERCENT = re.compile(r"(?P<percent>\d{1,3}(?:\.\d+)?) ?%")


def part_of(line: str) -> float | None:
    """How much of a transfer is done, between 0 and 1, from "12.3 MB of 45.6 MB", "12MB/45MB" or "27%"."""
    line = clean(line)[:_LONGEST_LINE]
    if amounts := _AMOUNTS.search(line):
        total = _bytes(amounts["total"], amounts["of"])
        current = _bytes(amounts["current"], amounts["unit"] or amounts["of"])
        return min(current / total, 1.0) if total else None
    if percent := _PERCENT.search(line):
        return min(float(percent["percent"]) / 100, 1.0)
    return None


def _bytes(number: str, unit: str) -> float:
    exponent = " KMGT".find(unit[:1].upper() or " ")
    return float(number) * 1000.0 ** max(exponent, 0)


def ends_pull(step: StepInfo) -> bool:
    """Whether a step shows that the base image is there: it ended, or it needs the image and runs."""
    if step.state in (StepState.DONE, StepState.CACHED):
        return True
    return step.state is StepState.RUNNING and not step.instruction.upper().startswith("FROM ")
