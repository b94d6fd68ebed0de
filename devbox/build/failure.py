"""Telling the user's failing step from a failing engine. Pure."""

from __future__ import annotations

import re

from devbox.errors import BuildFailed

_DISK_FULL = re.compile(r"no space left on device", re.IGNORECASE)
_NO_NETWORK = re.compile(r"temporary failure in name resolution|name or service not known", re.IGNORECASE)
_PARSE_LINE = re.compile(r"dockerfile parse error (?:on )?line (\d+)", re.IGNORECASE)
_EXIT = re.compile(r"(?:exit code|returned a non-zero code): (\d+)")


def exit_status(error: str) -> int | None:
    """The exit status that a builder's error text names, None where it names none."""
    match = _EXIT.search(error)
    return int(match[1]) if match else None


def blames_engine(error: str) -> bool:
    """True where an error text is as likely the engine's end as the user's step: ask the engine first."""
    return exit_status(error) == 137 or "EOF" in error or "transport is closing" in error


def build_failed(step: str, error: str, log: tuple[str, ...]) -> BuildFailed:
    """The error for a failing step; `what` is the instruction and its exit status where there is one."""
    status = exit_status(error)
    name = step or "the build"
    text = "\n".join((*log, error))
    hint = ""
    if _DISK_FULL.search(text):
        hint = "the engine's disk is full: free some space (docker system df shows what takes it)"
    elif _NO_NETWORK.search(text):
        hint = 'the step could not resolve a name: check the engine\'s network, or set build_network = "host"'
    elif status == 137:
        hint = "the step was killed: the engine is short of memory"
    elif match := _PARSE_LINE.search(error):
        hint = f"look at line {match[1]} of the Dockerfile"
    return BuildFailed(
        f"{name} (exit {status})" if status is not None else name,
        step=step,
        exit_status=status,
        log=log,
        cause="" if status is not None and log else _plain(error),
        hint=hint,
    )


def _plain(error: str) -> str:
    """An error of the builder without the chain of wrappers before what happened."""
    return error.strip().removeprefix("failed to solve: ").rpartition("rpc error: code = Unknown desc = ")[2]
