"""Variables and quotes as BuildKit's frontend/dockerfile/shell treats them.

Source of the rules: "Environment replacement" in the Dockerfile reference, and that package's behaviour where
the reference says less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devbox.build.dockerfile._patterns import replace, trim_prefix, trim_suffix
from devbox.build.dockerfile._words import SPACES
from devbox.errors import DockerfileError

_ORDINARY = re.compile(r"""[^$'"\\`<]+""")
_SPECIAL_PARAMETERS = "@*#?-$!"


@dataclass(frozen=True, slots=True)
class Style:
    """What is left as written: quotes, escapes, and variables that are not set."""

    quotes: bool = False
    escapes: bool = False
    unset: bool = False


PLAIN = Style()
AS_WRITTEN = Style(quotes=True, escapes=True, unset=True)
AS_SHOWN = Style(quotes=True, unset=True)


def expand(word: str, variables: Mapping[str, str], escape: str = "\\", style: Style = PLAIN) -> str:
    """The word with variables replaced and quotes removed; raises DockerfileError (without a place) for a
    substitution that cannot be meant."""
    return "".join(text for text, _ in _pieces(word, variables, escape, style))


def expand_words(
    text: str, variables: Mapping[str, str], escape: str = "\\", style: Style = PLAIN
) -> tuple[str, ...]:
    """Like expand, then split at spaces that are neither quoted nor escaped; never an empty word."""
    words: list[str] = []
    word = ""
    for piece, splits in _pieces(text, variables, escape, style):
        for character in piece:
            if splits and character in SPACES:
                words.append(word)
                word = ""
            else:
                word += character
    return tuple(word for word in (*words, word) if word)


def _pieces(text: str, variables: Mapping[str, str], escape: str, style: Style) -> Iterable[tuple[str, bool]]:
    try:
        return _Reader(text, variables, escape, style).pieces()
    except RecursionError:
        raise DockerfileError("substitutions are nested too deeply") from None


class _Reader:
    """Reads one word from left to right."""

    def __init__(self, text: str, variables: Mapping[str, str], escape: str, style: Style) -> None:
        self._text = text
        self._position = 0
        self._variables = variables
        self._escape = escape
        self._style = style
        self._raw_escapes = style.escapes

    def pieces(self, stop: str = "") -> Iterable[tuple[str, bool]]:
        """(text, whether spaces in it separate words) up to the end, or past the `stop` character."""
        found: list[tuple[str, bool]] = []
        while (character := self._peek()) != stop:
            if not character:
                raise DockerfileError(f"unexpected end of statement while looking for matching {stop}")
            if character == "$":
                found.append((self._dollar(), True))
            elif character == "'":
                found.append((self._single_quoted(), False))
            elif character == '"':
                found.append((self._double_quoted(), False))
            elif character == self._escape:
                found.append((self._escaped(), False))
            elif self._text.startswith("<<", self._position):
                found.append((self._heredoc_operator(), False))
            else:
                found.append((self._ordinary(stop), True))
        self._next()
        return found

    def _ordinary(self, stop: str) -> str:
        """What stands for itself, as much as there is at once: every save reads the whole Dockerfile."""
        found = _ORDINARY.match(self._text, self._position)
        if found is None:
            return self._next()
        run = found[0].partition(stop)[0] if stop else found[0]
        self._position += len(run)
        return run

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1
        return character

    def _nested(self, stop: str, *, raw_escapes: bool) -> str:
        outer, self._raw_escapes = self._raw_escapes, raw_escapes
        try:
            return "".join(text for text, _ in self.pieces(stop))
        finally:
            self._raw_escapes = outer

    def _escaped(self) -> str:
        escape = self._next()
        return (escape if self._raw_escapes else "") + self._next()

    def _heredoc_operator(self) -> str:
        # White space between << and its word belongs to the word, or `<< EOF` would fall apart.
        start = self._position
        self._position += 2
        while self._peek() and self._peek() in "\t\r ":
            self._position += 1
        return self._text[start : self._position]

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        start, self._position = self._position, end + 1
        return self._text[start : end + 1] if self._style.quotes else self._text[start + 1 : end]

    def _double_quoted(self) -> str:
        self._next()
        mark = '"' if self._style.quotes else ""
        inside: list[str] = []
        while (character := self._peek()) != '"':
            if not character:
                raise DockerfileError("unexpected end of statement while looking for matching double-quote")
            if character == "$":
                inside.append(self._dollar())
            elif character == self._escape:
                inside.append(self._escaped_in_quotes())
            else:
                inside.append(self._next())
        self._next()
        return mark + "".join(inside) + mark

    def _escaped_in_quotes(self) -> str:
        escape = self._next()
        kept = escape if self._raw_escapes else ""
        following = self._peek()
        if not following:
            return kept
        return kept + (self._next() if following in ('"', "$", self._escape) else escape)

    def _dollar(self) -> str:
        self._next()
        if self._peek() == "{":
            self._next()
            return self._braced()
        name = self._name()
        if not name:
            return "$"
        return self._value(name, f"${name}")

    def _name(self) -> str:
        start = self._position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._next()
        elif first and first in _SPECIAL_PARAMETERS:
            self._next()
        else:
            while self._peek().isalpha() or self._peek().isdecimal() or self._peek() == "_":
                self._next()
        return self._text[start : self._position]

    def _value(self, name: str, written: str) -> str:
        value = self._variables.get(name)
        if value is None:
            return written if self._style.unset else ""
        return value

    def _braced(self) -> str:
        if not self._peek():
            raise DockerfileError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise DockerfileError("syntax error: bad substitution")
        name = self._name()
        operator = self._next()
        if operator == "}":
            return self._value(name, f"${{{name}}}")
        if operator == ":":
            operator += self._next()
        if operator in {"-", ":-", "+", ":+", "?", ":?"}:
            return self._conditional(name, operator)
        if operator in {"#", "%"}:
            return self._trimmed(name, operator)
        if operator == "/":
            return self._replaced(name)
        raise DockerfileError(f"unsupported modifier ({operator}) in substitution of {name}")

    def _conditional(self, name: str, operator: str) -> str:
        word = self._nested("}", raw_escapes=False)
        value = self._variables.get(name)
        if value is None and self._style.unset:
            return f"${{{name}{operator}{word}}}"
        missing = value is None or (operator[0] == ":" and not value)
        match operator[-1]:
            case "-":
                return word if missing else value or ""
            case "+":
                return "" if missing else word
        if missing:
            complaint = "is not allowed to be " + ("unset" if value is None else "empty")
            raise DockerfileError(f"{name}: {word or complaint}", hint=f"give --build-arg {name}=…")
        return value or ""

    def _trimmed(self, name: str, operator: str) -> str:
        pattern = self._nested("}", raw_escapes=True)
        value = self._variables.get(name)
        if value is None and self._style.unset:
            return f"${{{name}{operator}{pattern}}}"
        longest = pattern.startswith(operator)
        trim = trim_prefix if operator == "#" else trim_suffix
        return trim(value or "", pattern[longest:], longest=longest)

    def _replaced(self, name: str) -> str:
        every = self._peek() == "/"
        if every:
            self._next()
        pattern = self._nested("/", raw_escapes=True)
        replacement = self._nested("}", raw_escapes=True)
        value = self._variables.get(name)
        if value is None and self._style.unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        return replace(value or "", pattern, replacement, every=every)
