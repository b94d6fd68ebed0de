"""How the running application was begun, and whether a standby can be begun like it. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devbox.model import Cold
from devbox.release.standby.wire import without_hook

_PART = "\n--devbox--\n"
# The one child of docker-init, or process 1 itself: what PID 1 has for children stands behind its status.
LOOK = r"""
one=1
for stat in /proc/[0-9]*/stat; do
  read -r line < "$stat" || continue
  set -- ${line##*) }
  if [ "$2" = 1 ]; then
    found=${stat#/proc/}; one=${found%/stat}; count=$((count + 1)); faults=$9
  fi
done
part() { printf '\n--devbox--\n'; }
printf '%s %s' "${count:-0}" "${faults:-0}"; part
cat /proc/$one/cmdline; part
cat /proc/$one/environ; part
readlink /proc/$one/exe; part
readlink /proc/$one/cwd
"""

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
# Without these the interpreter does not read the hook: -I, -E and -S.
_IGNORES_HOOK = frozenset("IES")
_TAKES_VALUE = frozenset("WXcm")


@dataclass(frozen=True, slots=True)
class Launch:
    """What the application's process was begun with; `script` says that something else ran before it in
    its place, a shell or an entrypoint script."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str
    script: bool


def launch(look: str, command: Sequence[str]) -> Launch | Cold:
    """The launch told by what LOOK printed in a container of an image with this entrypoint and command."""
    parts = look.split(_PART)
    if len(parts) != 5:
        return Cold("its container cannot be looked into")
    count, faults = (int(number) for number in parts[0].split())
    argv = tuple(parts[1].removesuffix("\0").split("\0"))
    environment = dict(entry.split("=", 1) for entry in parts[2].split("\0") if "=" in entry)
    interpreter = posixpath.basename(parts[3].strip())
    if count > 1:
        return Cold("several programs run in its container")
    if not _PYTHON.fullmatch(interpreter) or not _PYTHON.fullmatch(posixpath.basename(argv[0])):
        return Cold("the application is no Python program")
    if _ignores_hook(argv):
        return Cold("its interpreter is told to ignore the environment")
    script = not _direct(argv, tuple(command))
    if script and faults:
        return Cold("its entrypoint runs other programs first")
    return Launch(argv, _own(environment), parts[4].strip() or "/", script)


def _ignores_hook(argv: Sequence[str]) -> bool:
    for option in argv[1:]:
        if not option.startswith("-") or option == "-":
            return False
        letters = option[1:]
        for letter in letters:
            if letter in _IGNORES_HOOK:
                return True
            if letter in _TAKES_VALUE:
                break
        if letters[-1:] in ("c", "m"):
            return False
    return False


def _direct(argv: tuple[str, ...], command: tuple[str, ...]) -> bool:
    """Whether the process is the image's own command, begun as written or by its script's first line."""
    if not command:
        return False
    for place in range(len(argv)):
        if argv[place + 1 :] == command[1:]:
            return posixpath.basename(argv[place]) == posixpath.basename(command[0])
    return False


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    # Docker gives each container its own.
    return {name: value for name, value in without_hook(environment).items() if name != "HOSTNAME"}
