"""Advice in words. Pure."""

from __future__ import annotations

from devbox.events import AdviceInfo, BuildAvoidable
from devbox.report.text import clean, seconds


def place_of(found: AdviceInfo) -> str:
    """The file and the line."""
    return f"{clean(found.file)}:{found.line}"


def advice_told(found: AdviceInfo) -> str:
    """What is so, what it costs, what to do, and the rule's name."""
    return f"{clean(found.message)}; {clean(found.hint)} [{clean(found.rule)}]"


def shorter(event: BuildAvoidable) -> str:
    """By how much the last build would have been shorter."""
    most = "" if event.exact else "up to "
    return f"the last build would have been {most}{seconds(event.seconds)} shorter"
