"""Telling the user's failing step from a failing engine. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from devbox.errors import BuildFailed

LOG_LINES_KEPT = 400
"""How much of a failing step's output is looked through: pip names what conflicts first, then says why."""

_DISK_FULL = re.compile(r"no space left on device", re.IGNORECASE)
_NO_SESSION = re.compile(r"no active sessions|no session", re.IGNORECASE)
_NO_LOGIN = re.compile(r"unauthorized|failed to authorize|authorization failed|access denied", re.IGNORECASE)
_NO_NETWORK = re.compile(r"temporary failure in name resolution|name or service not known", re.IGNORECASE)
_SECRET_MOUNT = re.compile(r"--mount=\S*type=secret\S*")
_PARSE_LINE = re.compile(r"dockerfile parse error (?:on )?line (\d+)", re.IGNORECASE)
# BuildKit's words, and the classic builder's.
_NOT_SENT = re.compile(
    r'"/([^"]+)"(?: not found)?: not found|file not found in build context .*?stat ([^:]+):'
)
_EXIT = re.compile(r"(?:exit code|returned a non-zero code): (\d+)|exit status (\d+)")
_SAID_TWICE = re.compile(r"(:? not found)(?:: not found)+$")
_WRAPPERS = re.compile(
    r"^(?:failed to solve(?: with frontend [^:]+)?: |rpc error: code = \w+ desc = "
    r"|failed to create LLB definition: |failed to compute cache key: )*"
)


def exit_status(error: str) -> int | None:
    """The exit status that a builder's error text names, None where it names none."""
    # The text quotes the command first, which may hold anything.
    found = _EXIT.findall(error)
    return int(next(filter(None, found[-1]))) if found else None


def blames_engine(error: str) -> bool:
    """True where an error text is as likely the engine's end as the user's step: ask the engine first."""
    return exit_status(error) == 137 or "EOF" in error or "transport is closing" in error


def build_failed(
    step: str, error: str, log: tuple[str, ...], missing: Mapping[str, str] | None = None
) -> BuildFailed:
    """The error for a failing step; `what` is the instruction and its exit status where there is one.

    `missing` are secrets that the build mounts and that could not be given, with the reason.
    """
    status = exit_status(error)
    name = step or "the build"
    return BuildFailed(
        f"{name} (exit {status})" if status is not None else name,
        step=step,
        exit_status=status,
        log=log,
        cause="" if status is not None else _plain(error),
        hint=_secret_hint(step, error, missing or {}) or _hint(error, log, status),
    )


def _secret_hint(step: str, error: str, missing: Mapping[str, str]) -> str:
    mounts = " ".join(_SECRET_MOUNT.findall(step))
    for name, why in missing.items():
        word = rf"{re.escape(name)}(?![\w.-])"
        if re.search(rf"(?<![\w.-]){word}", mounts) or re.search(rf"\bsecret {word}", error):
            return (
                f"the step wants the secret '{name}', and {why}: give it with --secret id={name},src=FILE or "
                f"--secret id={name},env=VARIABLE, or below [secrets] in devbox.toml"
            )
    return ""


def _hint(error: str, log: tuple[str, ...], status: int | None) -> str:
    text = "\n".join((*log, error))
    if _DISK_FULL.search(text):
        return "the engine's disk is full: free some space (docker system df shows what takes it)"
    if _NO_NETWORK.search(text):
        return 'the step could not resolve a name: check the engine\'s network, or set build_network = "host"'
    if _NO_SESSION.search(error):
        return "the build asks for what devbox cannot give, such as an ssh agent"
    if status is None and _NO_LOGIN.search(error):
        return "check the image's name, then docker login to its registry"
    if status == 137:
        return "the step was killed: the engine is short of memory"
    if match := _PARSE_LINE.search(error):
        return f"look at line {match[1]} of the Dockerfile"
    if status is None and (match := _NOT_SENT.search(error)):
        return f"is {match[1] or match[2]} in the build context, and not left out by .dockerignore?"
    return ""


def _plain(error: str) -> str:
    """An error of the builder without the chain of wrappers before what happened."""
    return _SAID_TWICE.sub(r"\1", _WRAPPERS.sub("", error.strip(), count=1))
