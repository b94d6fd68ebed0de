"""Which here-documents an instruction opens, after BuildKit's frontend/dockerfile/parser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devbox.build.dockerfile._shell import AS_WRITTEN, Style, expand_words
from devbox.errors import DockerfileError

_OPERATOR = re.compile(r"(\d*)<<(-?)\s*([^<]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opening:
    """A `<<word` on an instruction's line; see Heredoc for the fields."""

    name: str
    expand: bool
    chomp: bool
    file_descriptor: int


def openings(line: str) -> tuple[Opening, ...]:
    """The here-documents that a line opens, in order; a line whose quotes do not match opens none.

    The escape is always the backslash here, whatever the escape directive says.
    """
    if "<<" not in line:
        return ()
    try:
        words = expand_words(line, {}, style=AS_WRITTEN)
    except DockerfileError:
        return ()
    return tuple(opening for word in words if (opening := read_opening(word)))


def read_opening(word: str) -> Opening | None:
    """The here-document that one word opens; raises DockerfileError where its quotes do not match."""
    match = _OPERATOR.fullmatch(word)
    if match is None or not match[3]:
        return None
    names = expand_words(match[3], {}, style=Style(unset=True))
    if len(names) != 1:
        return None
    quoted = expand_words(match[3], {}, style=Style(quotes=True, unset=True))
    # A quote that meant something is in one of the two only, one that was escaped is in both.
    return Opening(
        name=names[0],
        expand=_quotes(names[0]) == _quotes("".join(quoted)),
        chomp=match[2] == "-",
        file_descriptor=int(match[1] or 0) if len(match[1]) < 10 else 0,
    )


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
