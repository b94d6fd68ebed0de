"""Which paths of the context an ignore file keeps from the builder, exactly as docker build has it.

Lines are read as https://github.com/moby/patternmatcher (ignorefile) reads them; which paths they exclude
follows the walk of https://github.com/tonistiigi/fsutil, with which BuildKit's clients collect the context:
a pattern that matches a directory excludes what is in it, the last matching line wins, and a later `!` line
takes back in even below an excluded directory, whose entry then comes along.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from devbox.errors import ContextError
from devbox.watch.patterns import Pattern, clean

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_LINE = 64 * 1024
_WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_WHITE += "\u2028\u2029\u202f\u205f\u3000"


class Verdict(NamedTuple):
    """Whether a path is excluded, and (as bits) which rules matched it or a directory that it is in."""

    excluded: bool
    matched: int


ROOT = Verdict(excluded=False, matched=0)


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: Pattern
    takes_back_in: bool
    bit: int
    line: int

    def matches(self, path: str, file: str) -> bool:
        try:
            return self.pattern.matches(path)
        except ValueError as error:
            raise _refused(file, self.line, str(error), self.pattern.text) from error


class IgnoreRules:
    """The rules of one ignore file; paths are relative to the context, with '/' between their parts."""

    def __init__(self, data: bytes = b"", *, file: str = ".dockerignore") -> None:
        """Raises ContextError, naming `file` and the line, where the builder refuses the file; so does every
        judging of a path, as the builder finds some faults only when it needs the line."""
        self._file = file
        self._rules = _parse(data, file)
        self._takes_back_in = [rule.pattern for rule in self._rules if rule.takes_back_in]
        bases = [pattern.plain_base for pattern in self._takes_back_in]
        self._plain_bases = None if None in bases else [f"{base}/" for base in bases]

    @property
    def empty(self) -> bool:
        """Whether the file has no line that says anything."""
        return not self._rules

    def judge(self, path: str, parent: Verdict) -> Verdict:
        """The verdict on `path`, given the one on the directory that it is in (ROOT for the topmost)."""
        excluded = False
        matched = 0
        for rule in self._rules:
            if not parent.matched & rule.bit and (
                rule.takes_back_in is not excluded or not rule.matches(path, self._file)
            ):
                continue
            matched |= rule.bit
            excluded = not rule.takes_back_in
        return Verdict(excluded, matched)

    def verdict(self, path: str) -> Verdict:
        """The verdict on `path`, found by judging every directory that leads to it."""
        verdict = ROOT
        end = 0
        while end != -1 and self._rules:
            end = path.find("/", end + 1)
            verdict = self.judge(path if end == -1 else path[:end], verdict)
        return verdict

    def prunable(self, directory: str, verdict: Verdict | None = None) -> bool:
        """True where `directory` is excluded and nothing below it can come back in, so that neither a scan
        nor a watch needs to look there; `verdict` is the one on it, where the caller has it."""
        if not (verdict or self.verdict(directory)).excluded:
            return False
        if not any(pattern.can_match_below(directory) for pattern in self._takes_back_in):
            return True
        # The builder's own shortcut, which for a line like `!a/*/**` is not only a shortcut.
        return self._plain_bases is not None and not any(
            base.startswith(f"{directory}/") for base in self._plain_bases
        )


def _parse(data: bytes, file: str) -> list[_Rule]:
    rules: list[_Rule] = []
    for number, line in enumerate(data.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), start=1):
        if len(line) >= _LONGEST_LINE:
            raise _refused(file, number, "the line is longer than the builder reads", "")
        text = os.fsdecode(line)
        if text.startswith("#") or not text.strip(_WHITE):
            continue
        text = _normalised(text.strip(_WHITE))
        takes_back_in = text.startswith("!")
        if text == "!":
            raise _refused(file, number, "a ! alone takes nothing back in", text)
        try:
            pattern = Pattern(text.removeprefix("!"))
        except ValueError as error:
            raise _refused(file, number, str(error), text) from error
        rules.append(_Rule(pattern, takes_back_in, 1 << len(rules), number))
    return rules


def _normalised(text: str) -> str:
    """The builder cleans twice, first the path behind the `!` and then the whole, and so do we."""
    sign = "!" if text.startswith("!") else ""
    path = text.removeprefix("!").strip(_WHITE) if sign else text
    if path:
        path = clean(path)
        path = path[1:] if len(path) > 1 and path.startswith("/") else path
    return clean((sign + path).strip(_WHITE))


def _refused(file: str, line: int, cause: str, pattern: str) -> ContextError:
    return ContextError(
        f"{file} line {line} cannot be read" + (f": {pattern}" if pattern else ""),
        path=file,
        cause=cause,
        hint="docker build refuses this line too; correct it, or escape the character with a \\",
    )
