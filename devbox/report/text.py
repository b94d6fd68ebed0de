"""Words and numbers as people read them, and text of strangers made safe for a terminal.

Whatever comes out of a container, a Dockerfile or a file name is somebody else's text: before it is shown it
passes `clean` or `clean_but_coloured`, which leave nothing that moves the cursor, renames the window,
reorders the line or ends it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

# ECMA-48: control sequences, control strings with their terminator, and the short escapes; each also in its
# one-character (C1) form. A control string without an end loses its introducer only: no text vanishes.
_SEQUENCE = re.compile(
    r"""
      (?: \x1b\[ | \x9b ) (?P<parameters> [0-?]* ) [ -/]* (?P<final> [@-~] )
    | (?: \x1b[\]PX^_] | [\x90\x98\x9d-\x9f] ) [^\x07\x1b\x9c]* (?: \x07 | \x1b\\ | \x9c )
    | \x1b [ -/]* [0-~]?
    """,
    re.VERBOSE,
)
_SELECTS_COLOUR = re.compile(r"[0-9;]{0,40}")
_BREAKS_A_LINE = re.compile(r"[\n\v\f\u0085\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_CONTROL_BUT_ESCAPE = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_UNDECODED = re.compile(r"[\ud800-\udfff]")
_MOUNT_FLAG = re.compile(r"--mount=\S+ ")

INSTRUCTION_LIMIT = 60


def clean(text: str) -> str:
    """One line of plain text: no control sequence, no control character, no line end, tabs as spaces.

    Of a line that was overwritten with carriage returns (a progress bar) the last writing is kept.
    """
    return _CONTROL.sub("", _SEQUENCE.sub("", _one_line(text))).expandtabs(8)


def clean_but_coloured(text: str) -> str:
    """Like `clean`, but sequences that select colour and weight (SGR) stay, and tabs stay tabs."""
    return _CONTROL_BUT_ESCAPE.sub("", _SEQUENCE.sub(_colour_only, _one_line(text)))


def _one_line(text: str) -> str:
    text = _UNDECODED.sub("\N{REPLACEMENT CHARACTER}", text).rstrip("\r\n")
    *overwritten, last = text.split("\r")
    if not last:
        last = next((part for part in reversed(overwritten) if part), "")
    return _BREAKS_A_LINE.sub(" ", last)


def _colour_only(match: re.Match[str]) -> str:
    parameters = match["parameters"]
    if match["final"] == "m" and _SELECTS_COLOUR.fullmatch(parameters):
        return f"\x1b[{parameters}m"
    return ""


def clean_lines(text: str) -> list[str]:
    """Every line of a text, each passed through `clean`; none for an empty text."""
    return [clean(line) for line in text.splitlines()]


def shorten(instruction: str, limit: int = INSTRUCTION_LIMIT) -> str:
    """An instruction on one line of at most `limit` characters, cut near the end of a word, with an ellipsis.

    Mount flags are left out: they say how a command runs, not what it does.
    """
    words = _MOUNT_FLAG.sub("", " ".join(clean(instruction.replace("\\\n", " ")).split()))
    if len(words) <= limit:
        return words
    if limit < 2:
        return "…"[:limit]
    cut = words[: limit - 1]
    space = cut.rfind(" ")
    if space >= limit * 2 // 3:
        cut = cut[: space + 1]
    return cut + "…"


def seconds(value: float) -> str:
    """A duration as in "0.14s", "12.3s", "2m 05s", "1h 02m"."""
    if not math.isfinite(value):
        return "?"
    value = max(value, 0.0)
    if value < 9.995:
        return f"{value:.2f}s"
    if value < 59.95:
        return f"{value:.1f}s"
    return whole_seconds(value)


def brief_seconds(value: float) -> str:
    """A duration with three digits that matter: "8ms", "72ms", "1.24s", "12.3s"."""
    if math.isfinite(value) and value < 0.9995:
        return f"{max(value, 0.0) * 1000:.0f}ms"
    return seconds(value)


def running_seconds(value: float) -> str:
    """A duration that still grows, with one moving digit: "0.3s", "12.3s", "2m 05s"."""
    value = max(value, 0.0)
    return f"{value:.1f}s" if value < 59.95 else whole_seconds(value)


def whole_seconds(value: float) -> str:
    """A duration without fractions: "20s", "2m 05s", "1h 02m"."""
    if not math.isfinite(value):
        return "?"
    whole = round(max(value, 0.0))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def named(paths: Sequence[str]) -> str:
    """The first path and how many more: "app/main.py and 2 more"; "something" where there is none."""
    if not paths:
        return "something"
    first = clean(paths[0])
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def round_named(number: int, again: str) -> str:
    """What was under way: "build 7", "rollback to revision 5", "restart of revision 7"."""
    if not again:
        return f"build {number}"
    return f"{again} {'to' if again == 'rollback' else 'of'} revision {number}"
