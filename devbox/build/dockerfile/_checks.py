"""What an instruction must and must not have, after BuildKit's frontend/dockerfile/instructions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from devbox.build.dockerfile._heredocs import read_opening
from devbox.build.dockerfile._mounts import check_mount
from devbox.build.dockerfile._statement import KEYWORDS, Statement
from devbox.errors import DockerfileError

_FLAGS: Mapping[str, frozenset[str]] = {
    "ADD": frozenset({"exclude", "chown", "chmod", "link", "keep-git-dir", "checksum", "unpack"}),
    "COPY": frozenset({"exclude", "parents", "chown", "chmod", "from", "link"}),
    "FROM": frozenset({"platform"}),
    "HEALTHCHECK": frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}),
    "RUN": frozenset({"mount", "network", "security", "device"}),
}
_BOOLEAN = frozenset({"link", "keep-git-dir", "unpack", "parents"})
_REPEATED = frozenset({"exclude", "mount", "device"})
# BuildKit does not look at the flags of these.
_FLAGS_IGNORED = frozenset({"ARG", "STOPSIGNAL"})
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_EXACTLY_ONE = frozenset({"MAINTAINER", "WORKDIR", "USER", "STOPSIGNAL"})
_AT_LEAST_ONE = frozenset({"ARG", "ENV", "LABEL", "EXPOSE", "VOLUME", "SHELL", "HEALTHCHECK", "ONBUILD"})
_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def check_keyword(statement: Statement) -> None:
    """Raises DockerfileError for an unknown instruction, naming the nearest known one."""
    if statement.keyword in KEYWORDS:
        return
    word = statement.word if len(statement.word) <= 40 else statement.word[:40] + "…"
    if word.startswith(("&", "|", "-")):
        hint = "does the line before it miss its continuation character?"
    else:
        hint = did_you_mean(statement.keyword, KEYWORDS)
    raise DockerfileError(f"unknown instruction: {word}", hint=hint)


def check_statement(statement: Statement, *, any_flags: bool) -> None:
    """Raises DockerfileError where arguments or flags cannot be meant; `any_flags` lets unknown flags pass,
    for files whose `# syntax=` may know more of them."""
    keyword, arguments = statement.keyword, statement.arguments
    if keyword in _EXACTLY_ONE and len(arguments) != 1:
        raise DockerfileError(f"{keyword} requires exactly one argument")
    if keyword in _AT_LEAST_ONE and not arguments:
        raise DockerfileError(f"{keyword} requires at least one argument")
    _check_arguments(statement)
    if keyword == "ONBUILD":
        _check_onbuild(statement, any_flags=any_flags)
    if keyword == "HEALTHCHECK":
        _check_healthcheck(statement, any_flags=any_flags)
    elif keyword not in _FLAGS_IGNORED:
        _check_flags(statement, any_flags=any_flags)


def _check_arguments(statement: Statement) -> None:
    keyword, arguments = statement.keyword, statement.arguments
    match keyword:
        case "FROM":
            _check_from(arguments)
        case "ADD" | "COPY":
            _check_copy(keyword, arguments)
        case "ENV" | "LABEL" | "ARG":
            _check_names(statement)
        case "VOLUME" if not all(argument.strip() for argument in arguments):
            raise DockerfileError("VOLUME specified can not be an empty string")
        case "SHELL" if not statement.json:
            raise DockerfileError(
                "SHELL requires the arguments to be in JSON form", hint='as in ["bash", "-c"]'
            )


def _check_from(arguments: tuple[str, ...]) -> None:
    if len(arguments) == 3 and arguments[1].upper() == "AS":
        if not _STAGE_NAME.fullmatch(arguments[2].lower()):
            raise DockerfileError(
                f"invalid name for build stage: {arguments[2]!r}",
                hint="a stage's name begins with a letter and holds letters, digits, '-', '_' and '.' only",
            )
    elif len(arguments) != 1:
        raise DockerfileError(
            "FROM requires either one or three arguments", hint="as in FROM python:3.13-slim AS builder"
        )


def _check_copy(keyword: str, arguments: tuple[str, ...]) -> None:
    if len(arguments) < 2:
        raise DockerfileError(
            f"{keyword} requires at least two arguments, but {'only one' if arguments else 'none'} was "
            "provided: the destination could not be determined",
            hint=f"as in {keyword} requirements.txt ./",
        )
    if _opens_heredoc(arguments[-1]):
        raise DockerfileError(f"{keyword} cannot accept a heredoc as a destination")


def _opens_heredoc(word: str) -> bool:
    try:
        return read_opening(word) is not None
    except DockerfileError:
        return False


def _check_names(statement: Statement) -> None:
    names: Iterable[str] = statement.arguments
    if statement.keyword != "ARG":
        names = statement.arguments[::2]
    if any(not name or name.startswith("=") for name in names):
        raise DockerfileError(f"{statement.keyword} names can not be blank")


def _check_onbuild(statement: Statement, *, any_flags: bool) -> None:
    trigger = statement.trigger
    if trigger is None:
        return
    if trigger.keyword in {"FROM", "MAINTAINER"}:
        raise DockerfileError(f"{trigger.keyword} isn't allowed as an ONBUILD trigger")
    check_keyword(trigger)
    check_statement(trigger, any_flags=any_flags)


def _check_healthcheck(statement: Statement, *, any_flags: bool) -> None:
    kind, *command = statement.arguments
    if kind.upper() == "NONE":
        if command:
            raise DockerfileError("HEALTHCHECK NONE takes no arguments")
        return
    _check_flags(statement, any_flags=any_flags)
    if kind.upper() != "CMD":
        raise DockerfileError(f"unknown type {kind!r} in HEALTHCHECK (try CMD)")
    if not command:
        raise DockerfileError("missing command after HEALTHCHECK CMD")
    for name, value in statement.flags:
        if name == "retries":
            if value and not re.fullmatch(r"\+?[0-9]{1,9}", value):
                raise DockerfileError(f"--retries must be a number and not negative ({value})")
        elif name in _FLAGS["HEALTHCHECK"] and value:
            seconds = duration(value)
            if seconds and seconds < 0.001:
                raise DockerfileError(f"--{name} cannot be less than 1ms ({value})")


def duration(text: str) -> float:
    """Seconds of a Go duration ("1m30s"); raises DockerfileError for what is none."""
    if not _DURATION.fullmatch(text):
        raise DockerfileError(f"invalid duration {text!r}", hint='as in "30s" or "1m30s"')
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    return -seconds if text.startswith("-") else seconds


def _check_flags(statement: Statement, *, any_flags: bool) -> None:
    known = _FLAGS.get(statement.keyword, frozenset())
    seen: set[str] = set()
    for name, value in statement.flags:
        if name not in known:
            if any_flags:
                continue
            hint = did_you_mean(name, known, prefix="--")
            raise DockerfileError(f"unknown flag: --{name} ({statement.keyword})", hint=hint)
        if name in seen and name not in _REPEATED:
            raise DockerfileError(f"duplicate flag specified: --{name}")
        seen.add(name)
        if name in _BOOLEAN:
            if value is not None and value.lower() not in {"true", "false"}:
                raise DockerfileError(f"expecting boolean value for flag --{name}, not: {value!r}")
        elif value is None:
            raise DockerfileError(f"missing a value on flag: --{name}", hint=f"write --{name}=…")
        elif name == "mount":
            check_mount(value)


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """A hint with the nearest of the known words, '' where none is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean {prefix}{near[0]}?" if near else ""
