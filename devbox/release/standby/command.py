"""How the running application was begun, and whether a standby can be begun like it. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devbox.model import Cold
from devbox.release.standby.wire import without_hook

_PART = "\n--devbox--\n"
# Run by a shell that need not have more than cat and readlink. The application is the one child of the
# engine's init, or process 1 itself. Its last part names what differs from a process that only begins.
LOOK = r"""
exec 2>/dev/null
init=0 one=1
read -r name < /proc/1/comm
case $name in docker-init|podman-init|catatonit|init) init=1;; esac
for stat in /proc/[0-9]*/stat; do
  read -r line < "$stat" || continue
  pid=${stat#/proc/}; pid=${pid%/stat}
  set -- ${line##*) }
  if [ "$init $2" = "1 1" ] || [ "$init $pid" = "0 1" ]; then
    one=$pid; count=$((count + 1)); faults=$9
  fi
done
part() { printf '\n--devbox--\n'; }
told() {
  while read -r key value; do
    case $key in $2) printf '%s %s\n' "$key" "$value";; esac
  done < /proc/$1/$3
}
differs() { [ "$(told $one "$1" $2)" = "$(told self "$1" $2)" ] || printf '%s ' "$3"; }
printf '%s %s' "${count:-0}" "${faults:-0}"; part
cat /proc/$one/cmdline; part
cat /proc/$one/environ; part
readlink /proc/$one/exe; part
readlink /proc/$one/cwd; part
cat /proc/sys/kernel/hostname; part
differs '[UG]id:' status user
differs 'Groups:' status groups
differs 'CapEff:' status capabilities
differs 'Umask:' status umask
differs 'Max' limits limits
true
"""

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
# Without these the interpreter does not read the hook: -I, -E and -S.
_IGNORES_HOOK = frozenset("IES")


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
    if len(parts) != 7 or not re.fullmatch(r"\d+ \d+", parts[0]) or not parts[2]:
        return Cold("its container cannot be looked into")
    count, faults = (int(number) for number in parts[0].split())
    argv = tuple(parts[1].removesuffix("\0").split("\0"))
    environment = dict(entry.split("=", 1) for entry in parts[2].split("\0") if "=" in entry)
    interpreter, cwd, hostname, changed = (part.removesuffix("\n") for part in parts[3:])
    script = not _direct(argv, tuple(command))
    if count > 1:
        return Cold("several programs run in its container")
    if posixpath.basename(argv[0]) in _SHELLS:
        return Cold("a shell stands before the application: write CMD as a list, or `exec` in front of it")
    if not all(_PYTHON.fullmatch(posixpath.basename(path)) for path in (interpreter, argv[0])):
        return Cold("the application is no Python program")
    if _ignores_hook(argv):
        return Cold("its interpreter is told to ignore the environment")
    # The engine's words for bytes that are no text.
    if "\ufffd" in parts[1] or "\ufffd" in parts[2]:
        return Cold("its command line or environment is no text")
    if script and faults:
        return Cold("its entrypoint runs other programs first")
    if script and changed:
        return Cold(f"its entrypoint changes its {' and '.join(changed.split())}")
    return Launch(argv, _own(environment, hostname), cwd or "/", script)


def _ignores_hook(argv: Sequence[str]) -> bool:
    words = iter(argv[1:])
    for word in words:
        if word == "--check-hash-based-pycs":
            next(words, "")
        elif not word.startswith("-") or word in ("-", "--"):
            return False
        elif not word.startswith("--"):
            end = next((at for at, letter in enumerate(word) if letter in "WXcm"), len(word))
            if _IGNORES_HOOK.intersection(word[:end]):
                return True
            if word[end:][:1] in ("c", "m"):
                return False
            if word[end:] in ("W", "X"):
                next(words, "")
    return False


def _direct(argv: tuple[str, ...], command: tuple[str, ...]) -> bool:
    """Whether the process is the image's own command, begun as written or by its script's first line."""
    if not command:
        return False
    for place in range(len(argv)):
        if argv[place + 1 :] == command[1:]:
            return posixpath.basename(argv[place]) == posixpath.basename(command[0])
    return False


def _own(environment: Mapping[str, str], hostname: str) -> dict[str, str]:
    # Docker gives each container its own, unless the user gave it one.
    engines = environment.get("HOSTNAME") == hostname
    found = without_hook(environment)
    return {name: value for name, value in found.items() if name != "HOSTNAME" or not engines}
