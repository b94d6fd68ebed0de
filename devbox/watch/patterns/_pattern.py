"""One pattern of an ignore file as the thing that matches paths, exactly as the builder's own matcher does.

The rules are those of https://github.com/moby/patternmatcher (v0.6), which docker build and BuildKit share.
Their surprises are kept: `{`, `}` and `|` reach the regular expression as they are, and what `**` means
depends on where in the pattern it stands.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from devbox.watch.patterns import _goglob
from devbox.watch.patterns._goregexp import translate

Matcher = Callable[[str], bool]

_TAKEN_LITERALLY = frozenset(".+()$")
_NOT_PLAIN = frozenset("*[]?^\\")
_NOT_BY_COMPONENT = frozenset("[]^\\|{}")


class Pattern:
    """A cleaned pattern, without its `!`, that knows which paths it matches.

    `matches(path)` is true where the pattern matches this very path (relative to the context, '/' between
    parts); that a matched directory takes its contents along is for the caller to know. It raises ValueError
    where the pattern is one that the builder refuses only on use. `plain_base` is the directory or file that
    the pattern names where it names one, less a trailing `/*` or `/**`; None otherwise.
    """

    __slots__ = ("_heads", "_open_ended", "matches", "plain_base", "text")

    def __init__(self, text: str) -> None:
        """Raises ValueError, with the cause in words, where the builder refuses the pattern at once."""
        _goglob.match(text, ".")
        self.text = text
        self.matches = _matcher(text)
        base = text.removesuffix("/**").removesuffix("/*")
        self.plain_base = None if _NOT_PLAIN & set(base) else base
        self._heads, self._open_ended = _component_matchers(text)

    def can_match_below(self, directory: str) -> bool:
        """False only where no path below `directory` can match."""
        parts = directory.split("/")
        if not self._open_ended and len(self._heads) <= len(parts):
            return False
        return all(match(part) for match, part in zip(self._heads, parts, strict=False))


def clean(path: str) -> str:
    """The shortest path that means the same, as Go's filepath.Clean gives it: it knows no special `//`."""
    return posixpath.normpath(re.sub("^/+", "/", path))


def _matcher(text: str) -> Matcher:
    expression = ["^"]
    kind = "exact"
    rest = text.removeprefix("\ufeff")  # Go's text scanner drops it, at the start only
    at_start = True
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "*" and rest.startswith("*"):
            rest = rest[1:].removeprefix("/")
            expression.append("(.*/)?" if rest else ".*")
            kind = "prefix" if kind == "exact" and not rest else "regexp"
            kind = "suffix" if at_start else kind
        elif char in "*?":
            expression.append("[^/]*" if char == "*" else "[^/]")
            kind = "regexp"
        elif char == "\\":
            expression.append(char + rest[:1])
            kind = "regexp" if rest else kind
            rest = rest[1:]
        else:
            expression.append(f"\\{char}" if char in _TAKEN_LITERALLY else char)
            kind = "regexp" if char in "[]" else kind
        at_start = False
    if kind == "exact":
        return text.__eq__
    if kind == "prefix":
        return lambda path: path.startswith(text[:-2])
    if kind == "suffix":
        return lambda path: path.endswith(text[2:]) or f"/{path}" == text[2:]
    return _searcher("".join(expression) + "$")


def _searcher(expression: str) -> Matcher:
    try:
        search = re.compile(translate(expression)).search
    except (ValueError, re.error) as error:
        return _refusing(str(error))
    return lambda path: search(path) is not None


def _refusing(cause: str) -> Matcher:
    """The builder compiles a pattern when it first needs it, so one that it never needs is no error."""

    def refuse(_path: str) -> bool:
        raise ValueError(cause)

    return refuse


def _component_matchers(text: str) -> tuple[list[Matcher], bool]:
    """What the first parts of a matching path match, and whether any number of parts may follow."""
    matchers: list[Matcher] = []
    if _NOT_BY_COMPONENT & set(text):
        return matchers, True
    for part in text.split("/"):
        if "**" in part:
            return matchers, True
        matchers.append(_matcher(part))
    return matchers, False
