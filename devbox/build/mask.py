"""Keeps the values of secrets out of what is shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHOWN = "***"
# Of a secret with several lines, lines like "}" are no secret.
_SHORTEST_OF_SEVERAL = 4


class Mask:
    """Replaces every whole line of a secret's value by `***`, wherever it occurs in a text."""

    def __init__(self, values: Iterable[bytes]) -> None:
        hidden = {line for value in values for line in _lines(value.decode(errors="replace"))}
        # The longest first: one may begin with another.
        ordered = sorted(hidden, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(SHOWN, text) if self._pattern else text


def _lines(value: str) -> list[str]:
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    return lines if len(lines) == 1 else [line for line in lines if len(line) >= _SHORTEST_OF_SEVERAL]
