"""How one instruction's line falls into words, after BuildKit's frontend/dockerfile/parser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from devbox.errors import DockerfileError

# Go's unicode.IsSpace: str.strip() without an argument would also take the separators \x1c to \x1f.
SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_BLANKS = re.compile(r"[\t\v\f\r ]+")
_ASCII_SPACES = "\t\n\v\f\r "


def split_keyword(line: str) -> tuple[str, str]:
    """The first word of a line and the rest of it."""
    keyword, *rest = _BLANKS.split(line.strip(SPACES), maxsplit=1)
    return keyword, rest[0] if rest else ""


def split_blanks(text: str) -> tuple[str, ...]:
    """The words between runs of blanks, quotes meaning nothing."""
    return tuple(_BLANKS.split(text)) if text else ()


def take_flags(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The words at the front that start with '--', unquoted, and the text after them.

    A lone '--' ends the flags and is dropped.
    """
    flags: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position] in _ASCII_SPACES:
            position += 1
        if not text.startswith("--", position):
            return tuple(flags), text[position:].strip(SPACES)
        word, position = _unquoted_word(text, position, escape)
        if word == "--":
            return tuple(flags), text[position:].strip(SPACES)
        flags.append(word)


def _unquoted_word(text: str, position: int, escape: str) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while position < len(text):
        character = text[position]
        if character == escape:
            position += 1
            word.append(text[position : position + 1])
        elif quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in _ASCII_SPACES:
            break
        elif character in "'\"":
            quote = character
        else:
            word.append(character)
        position += 1
    return "".join(word), min(position, len(text))


def split_words(text: str, escape: str) -> tuple[str, ...]:
    """The words of ENV, LABEL and ARG: quotes hold spaces together; quotes and escapes are kept."""
    return tuple(_quoted_words(text, escape))


def _quoted_words(text: str, escape: str) -> Iterator[str]:
    word: list[str] = []
    quote = ""
    characters = iter(text)
    for character in characters:
        if character == escape and quote != "'":
            following = next(characters, "")
            # An escape at the very end escapes nothing and is dropped.
            word.append(character + following if following else "")
        elif quote:
            word.append(character)
            if character == quote:
                quote = ""
        elif character in SPACES:
            if any(word):
                yield "".join(word)
            word.clear()
        else:
            word.append(character)
            if character in "'\"":
                quote = character
    if any(word):
        yield "".join(word)


def name_value_words(keyword: str, text: str, escape: str) -> tuple[str, ...]:
    """Names and values in turn, from `name=value …` or from the older `name value`."""
    words = split_words(text, escape)
    if not words:
        return ()
    if "=" not in words[0]:
        name, *value = _BLANKS.split(text, maxsplit=1)
        if not value:
            raise DockerfileError(f"{keyword} must have two arguments", hint=f"write {keyword} {name}=value")
        return name, value[0]
    parts: list[str] = []
    for word in words:
        name, equals, rest = word.partition("=")
        if not equals:
            raise DockerfileError(
                f'{keyword}: cannot find "=" in {word!r}, it must be name=value',
                hint="put quotes around a value that has spaces",
            )
        parts += (name, rest)
    return tuple(parts)


def json_strings(text: str) -> tuple[str, ...] | None:
    """The exec form's elements, or None where the text is no JSON array; an array of anything but strings
    raises DockerfileError."""
    text = text.lstrip(SPACES)
    if not text.startswith("["):
        return None
    try:
        values = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise DockerfileError(
            "when using JSON array syntax, arrays must be comprised of strings only",
            hint='put every element into double quotes, as in ["python", "-m", "app"]',
        )
    return tuple(values)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
