"""What the shell offers at Tab: `devbox completion` prints its script, which asks this program."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
from collections.abc import Sequence
from enum import StrEnum

import typer

from devbox.cli._base import FOLDERS, app

ASKED = "_DEVBOX_COMPLETE"
_SECONDS = 1.0

# Each script hands over the words up to the cursor. It gets a kind, "words", "folders" or "files", and below
# it one value a line, with what it means behind a tab.
_BASH = """\
_devbox() {
  local kind value
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS= read -r value; do COMPREPLY+=("${value%%$'\\t'*}"); done
  } < <(_DEVBOX_COMPLETE=bash "$1" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $kind == folders ]]; then
    compopt -o filenames
    while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -d -- "$2")
  fi
}
complete -o bashdefault -o default -F _devbox devbox
"""

_ZSH = """\
#compdef devbox
_devbox() {
  local -a answer described
  local line
  answer=("${(@f)$(_DEVBOX_COMPLETE=zsh "$words[1]" "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${(@)answer[2,-1]}"; do
    described+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
  done
  (( $#described )) && _describe devbox described
  case "$answer[1]" in
    folders) _files -/ ;;
    files) _files ;;
  esac
}
if [[ "$funcstack[1]" == _devbox ]]; then
  _devbox "$@"
else
  compdef _devbox devbox
fi
"""

_FISH = """\
function __devbox_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (_DEVBOX_COMPLETE=fish $words[1] $words[2..] "$current" 2>/dev/null)
    printf '%s\\n' $answer[2..]
    switch "$answer[1]"
        case folders
            __fish_complete_directories "$current"
        case files
            __fish_complete_path "$current"
    end
end
complete --command devbox --no-files --arguments '(__devbox_complete)'
"""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


@app.command(short_help="Print the shell's script that completes words at Tab.")
def completion(shell: Shell) -> None:
    """Print the shell's script that completes verbs, options and projects.

    Example: devbox completion bash
    """
    typer.echo(_SCRIPTS[shell], nl=False)


def answer(words: Sequence[str], shell: str) -> None:
    """Prints what may stand in the place of the last word; bounded, and silent where anything fails."""

    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    with contextlib.suppress(Exception):
        print_offers([_unquoted(word) for word in words] if shell != Shell.ZSH else list(words))


def print_offers(words: list[str]) -> None:
    """Prints the kind and the values that fit behind these words, the last of which is not complete."""
    from typer._completion_classes import BashComplete

    *before, incomplete = words or [""]
    command = typer.main.get_command(app)
    # bash makes three words of --output=plain.
    before = [word for word in before if word != "="]
    items = BashComplete(command, {}, "devbox", ASKED).get_completions(before, incomplete)
    offers = [item for item in items if item.help != FOLDERS]
    kind = "folders" if len(offers) < len(items) else "words" if offers else "files"
    # A name that would be two lines cannot be told.
    fitting = (item for item in offers if item.value.isprintable())
    typer.echo("\n".join([kind, *(f"{item.value}\t{_on_one_line(item.help or '')}" for item in fitting)]))


def _give_up(*_: object) -> None:
    os._exit(0)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _unquoted(word: str) -> str:
    """A word without its quotes, also where the last one is not typed yet."""
    for whole in (word, word.removesuffix("\\"), f'{word}"', f"{word}'"):
        with contextlib.suppress(ValueError):
            return "".join(shlex.split(whole))
    return word
