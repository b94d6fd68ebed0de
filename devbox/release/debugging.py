"""An application's command line under debugpy, and what is said where that is not in the image. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from devbox.errors import ConfigError, StartFailed
from devbox.model import PortMapping
from devbox.release.standby.servers import known_server

DEBUGGER_PORT = 5678
ENVIRONMENT = {
    # Else it warns at each start that breakpoints in the standard library's frozen modules may be missed.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_SHELL_TEXT = re.compile(
    r"(?P<before>\s*(?:exec\s+)?)(?P<word>[^\s;&|<>()$`\"']+)(?P<flags>(?:\s+-u)*)(?P<rest>(?:\s.*)?)$",
    re.DOTALL,
)
_PROGRAM = re.compile(r"\s+(?:-m\s|[^-\s])")
_DEBUGGER = ("-m", "debugpy", "--listen", f"0.0.0.0:{DEBUGGER_PORT}")
_MISSING = re.compile(r"No module named '?debugpy'?")
_WITH_VALUE = frozenset("WX")


def debugger_ports(port: int) -> tuple[PortMapping, ...]:
    """The mapping by which a debugger reaches debugpy from this machine, and from no other."""
    return (PortMapping("127.0.0.1", port, DEBUGGER_PORT),)


def under_debugger(entrypoint: Sequence[str], command: Sequence[str]) -> tuple[str, ...]:
    """The command line of an image, with its Python program run by debugpy.

    Whatever stands before the program (an entrypoint script, `tini --`, `uv run`) stays. Raises ConfigError
    where no Python program can be made out in it.
    """
    argv = (*entrypoint, *command)
    if len(argv) > 2 and posixpath.basename(argv[0]) in _SHELLS and argv[1] in ("-c", "-ec", "-lc"):
        return (*argv[:2], _shell_text(argv[2]), *argv[3:])
    for place, word in enumerate(argv):
        begun = _begun(word, argv[place + 1 :])
        if begun is not None:
            return (*argv[:place], *begun)
    raise _refused(" ".join(argv))


def without_debugger(error: StartFailed, files: Iterable[str]) -> StartFailed:
    """The same failure, worded for an image that does not hold debugpy where its log says so; `files` are
    those that the image's packages are installed from."""
    if not any(_MISSING.search(line) for line in error.log):
        return error
    file = next(iter(files), "requirements.txt")
    return StartFailed(
        error.what,
        exit_status=error.exit_status,
        log=error.log,
        cause="the image has no debugpy, which --debug runs the application with",
        hint=f"add a line to {file}: debugpy",
    )


def _shell_text(text: str) -> str:
    match = _SHELL_TEXT.match(text)
    if match is None:
        raise _refused(text)
    before, word, flags, rest = match["before"], match["word"], match["flags"], match["rest"]
    debugger = " ".join(_DEBUGGER)
    if known_server(word):
        return f"{before}python {debugger} -m {known_server(word)}{flags}{rest}"
    if _PYTHON.fullmatch(posixpath.basename(word)) and _PROGRAM.match(rest):
        return f"{before}{word}{flags} {debugger}{rest}"
    raise _refused(text)


def _begun(word: str, rest: Sequence[str]) -> tuple[str, ...] | None:
    """How a program is begun by debugpy, None for one that is not Python."""
    server = known_server(word)
    if server:
        return ("python", *_DEBUGGER, "-m", server, *rest)
    if not _PYTHON.fullmatch(posixpath.basename(word)):
        return None
    flags: list[str] = []
    for place, flag in enumerate(rest):
        if flags and flags[-1][-1:] in _WITH_VALUE and len(flags[-1]) == 2:
            flags.append(flag)
        elif not flag.startswith("-") or flag == "-":
            return (word, *flags, *_DEBUGGER, *rest[place:])
        elif flag.startswith("--"):
            flags.append(flag)
        else:
            module = re.fullmatch(r"-([A-Za-z]*?)([mc])(.*)", flag)
            if module is None or _WITH_VALUE.intersection(module[1]):
                flags.append(flag)
                continue
            before = (f"-{module[1]}",) if module[1] else ()
            attached = (module[3],) if module[3] else ()
            return (word, *flags, *before, *_DEBUGGER, f"-{module[2]}", *attached, *rest[place + 1 :])
    return None


def _refused(command: str) -> ConfigError:
    return ConfigError(
        "the application cannot be run under debugpy",
        cause=f"its command begins no Python program: {command}" if command else "its image has no command",
        hint='write CMD as a list that begins with python or a server, as in CMD ["uvicorn", "app.main:app"]',
    )
