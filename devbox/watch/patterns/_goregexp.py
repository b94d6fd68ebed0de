"""Go's regular expressions in Python's notation, as far as an ignore pattern can bring them about.

The builder turns an ignore pattern into a Go expression and leaves most of what Go knows reachable from it
(`\\d`, `{2}`, `|`, `[[:alpha:]]`), so equal matching means equal reading of that expression. The grammar is
the one of https://github.com/google/re2/wiki/Syntax, as Go's regexp/syntax applies it without flags.
"""

from __future__ import annotations

import re

_LAST = 0x10FFFF
_REPEAT_LIMIT = 1000
_REPLACEMENT = "\ufffd"  # what Go sees in the place of bytes that are no UTF-8
_INVALID = re.compile("[\udc80-\udcff]")  # where surrogateescape puts them

_Ranges = list[tuple[int, int]]

_DIGIT: _Ranges = [(0x30, 0x39)]
_LOWER: _Ranges = [(0x61, 0x7A)]
_UPPER: _Ranges = [(0x41, 0x5A)]
_ALNUM: _Ranges = [*_DIGIT, *_UPPER, *_LOWER]
_WORD: _Ranges = [*_ALNUM, (0x5F, 0x5F)]
_PERL_CLASSES: dict[str, _Ranges] = {"d": _DIGIT, "s": [(9, 10), (12, 13), (32, 32)], "w": _WORD}
_NAMED_CLASSES: dict[str, _Ranges] = {
    "alnum": _ALNUM,
    "alpha": [*_UPPER, *_LOWER],
    "ascii": [(0, 0x7F)],
    "blank": [(9, 9), (32, 32)],
    "cntrl": [(0, 0x1F), (0x7F, 0x7F)],
    "digit": _DIGIT,
    "graph": [(0x21, 0x7E)],
    "lower": _LOWER,
    "print": [(0x20, 0x7E)],
    "punct": [(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)],
    "space": [(9, 13), (32, 32)],
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": [*_DIGIT, (0x41, 0x46), (0x61, 0x66)],
}
_SIGNS = {"^": r"(?:\A|(?!))", "$": r"\Z", ".": r"[^\n]", "(": "(?:", ")": ")", "|": "|"}
_ASSERTIONS = {"A": r"(?:\A|(?!))", "z": r"(?:\Z|(?!))", "b": r"(?a:\b)", "B": r"(?a:\B)"}
_CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,8})\})")
_NAMED = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)


def translate(expression: str) -> str:
    """Gives the Python expression that finds exactly where Go's would; raises ValueError, with the cause in
    words, where Go refuses the expression, and for `\\p`, `\\P` and `\\Q`, which are not known here."""
    return _Translation(_INVALID.sub(_REPLACEMENT, expression)).whole()


class _Translation:
    """One pass over `text`; `at` is the place of the next unread character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> str:
        out: list[str] = []
        while self.at < len(self.text):
            atom = self._atom()
            repetition = self._repetition()
            out.append(atom + repetition)
            if repetition and self._repetition():
                raise ValueError("a repetition of a repetition")
            if repetition and atom in {"|", "(?:"}:
                raise ValueError("a repetition of nothing")
        return "".join(out)

    def _atom(self) -> str:
        char = self._next()
        if char == "\\":
            return _ASSERTIONS[self._next()] if self._peek() in _ASSERTIONS else _as_set(self._escape())
        if char == "[":
            return self._bracket()
        return _SIGNS.get(char) or _as_set([(ord(char), ord(char))])

    def _repetition(self) -> str:
        if self._peek() in {"*", "?"}:
            return self._next()
        found = _REPEAT.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        low = int(found[1])
        high = low if found[2] is None else int(found[3]) if found[3] else None
        if max(low, high or 0) > _REPEAT_LIMIT or (high is not None and high < low):
            raise ValueError(f"bad repetition {found[0]}")
        return f"{{{low},{'' if high is None else high}}}"

    def _bracket(self) -> str:
        negated = self._peek() == "^"
        self.at += negated
        ranges: _Ranges = []
        start = self.at
        while self._peek() != "]" or self.at == start:
            ranges += self._named_class() or self._range()
        self.at += 1
        return _as_set(_complement(ranges) if negated else ranges)

    def _named_class(self) -> _Ranges | None:
        found = _NAMED.match(self.text, self.at)
        if found is None:
            return None
        if found[2] not in _NAMED_CLASSES:
            raise ValueError(f"bad character class {found[0]}")
        self.at = found.end()
        return _complement(_NAMED_CLASSES[found[2]]) if found[1] else _NAMED_CLASSES[found[2]]

    def _range(self) -> _Ranges:
        low = self._member()
        if len(low) > 1 or low[0][0] != low[0][1]:
            return low  # a class within the class, such as \d
        if self._peek() != "-" or self.text[self.at + 1 : self.at + 2] in {"]", ""}:
            return low
        self.at += 1
        high = self._member()
        if len(high) > 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            raise ValueError("bad character range")
        return [(low[0][0], high[0][0])]

    def _member(self) -> _Ranges:
        char = self._next()
        return self._escape() if char == "\\" else [(ord(char), ord(char))]

    def _escape(self) -> _Ranges:
        found = _OCTAL.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            return [(int(found[0], 8),) * 2]
        found = _HEX.match(self.text, self.at)
        if found is not None and int(found[1] or found[2], 16) <= _LAST:
            self.at = found.end()
            return [(int(found[1] or found[2], 16),) * 2]
        char = self._next()
        if char.lower() in _PERL_CLASSES:
            ranges = _PERL_CLASSES[char.lower()]
            return _complement(ranges) if char.isupper() else ranges
        point = _CONTROL.get(char, ord(char))
        if char not in _CONTROL and (char.isalnum() or not char.isascii()):
            raise ValueError(f"bad escape \\{char}")
        return [(point, point)]

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise ValueError("it ends too early")
        self.at += 1
        return char


def _complement(ranges: _Ranges) -> _Ranges:
    out: _Ranges = []
    free = 0
    for low, high in sorted(ranges):
        if free < low:
            out.append((free, low - 1))
        free = max(free, high + 1)
    if free <= _LAST:
        out.append((free, _LAST))
    return out


def _as_set(ranges: _Ranges) -> str:
    if any(low <= ord(_REPLACEMENT) <= high for low, high in ranges):
        ranges = [*ranges, (0xDC80, 0xDCFF)]
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _point(ranges[0][0])
    members = "".join(f"{_point(low)}-{_point(high)}" for low, high in ranges)
    return f"[{members}]" if members else "(?!)"


def _point(code: int) -> str:
    return f"\\U{code:08x}"
