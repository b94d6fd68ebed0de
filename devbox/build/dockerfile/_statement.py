"""One logical line as an instruction: keyword, flags, arguments."""

from __future__ import annotations

from dataclasses import dataclass

from devbox.build.dockerfile._words import (
    json_strings,
    name_value_words,
    split_blanks,
    split_keyword,
    split_words,
    take_flags,
)
from devbox.errors import DockerfileError

KEYWORDS = frozenset(
    {
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
        "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    }
)  # fmt: skip
_TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})


@dataclass(frozen=True, slots=True)
class Statement:
    """An instruction without its place; `word` is the keyword as written. See Instruction for the rest."""

    word: str
    flags: tuple[tuple[str, str | None], ...]
    arguments: tuple[str, ...]
    json: bool
    text: str
    trigger: Statement | None = None

    @property
    def keyword(self) -> str:
        return self.word.upper()

    @property
    def takes_heredocs(self) -> bool:
        """Whether `<<` on this line opens a here-document."""
        inner = self.trigger or self
        return inner.keyword in _TAKES_HEREDOCS and not inner.json


def read_statement(line: str, escape: str) -> Statement:
    """Reads one logical line; raises DockerfileError for a form that the keyword does not have.

    An unknown keyword gets the whole rest of the line as its only argument.
    """
    word, rest = split_keyword(line)
    raw_flags, remaining = take_flags(rest, escape)
    keyword = word.upper()
    text = " ".join((keyword, *rest.split()))
    if keyword == "ONBUILD" and remaining:
        if split_keyword(remaining)[0].upper() == "ONBUILD":
            raise DockerfileError("chaining ONBUILD via ONBUILD ONBUILD isn't allowed")
        trigger = read_statement(remaining, escape)
        text = f"{' '.join((keyword, *raw_flags))} {trigger.text}"
        arguments = (trigger.keyword, *trigger.arguments)
        return Statement(word, _flags(raw_flags), arguments, trigger.json, text, trigger)
    arguments, json = _arguments(keyword, remaining, escape)
    return Statement(word, _flags(raw_flags), arguments, json, text)


def _flags(raw: tuple[str, ...]) -> tuple[tuple[str, str | None], ...]:
    split = (flag[2:].partition("=") for flag in raw)
    return tuple((name, value if equals else None) for name, equals, value in split)


def _arguments(keyword: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    match keyword:
        case "FROM" | "EXPOSE":
            return split_blanks(rest), False
        case "ARG":
            return split_words(rest, escape), False
        case "ENV" | "LABEL":
            return name_value_words(keyword, rest, escape), False
        case "RUN" | "CMD" | "ENTRYPOINT" | "SHELL":
            return _maybe_json(rest)
        case "ADD" | "COPY" | "VOLUME":
            strings = json_strings(rest)
            return (split_blanks(rest), False) if strings is None else (strings, True)
        case "HEALTHCHECK":
            kind, command_line = split_keyword(rest)
            command, json = _maybe_json(command_line)
            return (kind, *command) if kind else (), json
    return (rest,) if rest else (), False


def _maybe_json(rest: str) -> tuple[tuple[str, ...], bool]:
    strings = json_strings(rest)
    if strings is not None:
        return strings, True
    return (rest,) if rest else (), False
