"""Writes docs/manual.md out of the typer application: each verb in the order of `devbox --help`, each option.

python -m scripts.manual
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

import devbox.cli  # noqa: F401 - registers the verbs
from devbox.cli._base import app

MANUAL = Path(__file__).resolve().parents[1] / "docs" / "manual.md"

_ENVIRONMENT = {
    "DOCKER_HOST, DOCKER_CONTEXT, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH": "choose the engine, as for `docker`",
    "DOCKER_CONFIG": "the folder with Docker's configuration and logins; `~/.docker` unless set",
    "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "the way to an engine at a `tcp://` address",
    "DEVBOX_POLL": "`1`: look for changes instead of waiting for file events",
    "DEVBOX_BUILD_NETWORK": "a default for the setting `build_network`",
    "NO_COLOR": "set to anything: no colours",
    "XDG_RUNTIME_DIR, XDG_STATE_HOME, XDG_CONFIG_HOME": "where the files below are",
    "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID": "set by systemd: where `up` says that it is ready, what "
    "serves, and that it is alive",
}

_EXIT_CODES = {
    "0": "done; for `up`: ended by `devbox down`, by SIGTERM, or because its terminal was closed",
    "1": "the build or the application failed, where the verb waits for them; or the process that owns the "
    "ports, or the service manager, cannot be reached",
    "2": "wrong usage or settings",
    "3": "no engine can be reached",
    "4": "another devbox runs this project",
    "130": "Ctrl-C",
}

_FILES = {
    "devbox.toml, pyproject.toml": "settings, the latter under `[tool.devbox]`; `devbox config` shows them",
    "Dockerfile, .dockerignore": "what the image is built from, and what is left out of the build context",
    "$XDG_RUNTIME_DIR/devbox/KEY/": "lock, sockets and logs of a running devbox; KEY is made from the "
    "project's path. Without the variable: `/run/user/UID`, or `/tmp/devbox-UID`",
    "~/.local/state/devbox/KEY/journal.jsonl": "what happened, for `devbox explain`; on macOS below "
    "`~/Library/Application Support`",
    "~/.config/systemd/user/devbox-PROJECT-KEY.service": "what `devbox service install` writes; on macOS "
    "`~/Library/LaunchAgents/dev.devbox.PROJECT.KEY.plist`",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what is typed for it, what it does, an example, and its parameters with their help."""

    words: str
    arguments: str
    text: str
    examples: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


def verbs() -> Iterator[Verb]:
    """Every verb that is shown, in the order of `devbox --help`."""
    yield from _below(typer.main.get_command(app), "devbox")


def manual() -> str:
    """The whole page."""
    known = list(verbs())
    synopsis = [f"    {verb.words} {verb.arguments}".rstrip() for verb in known]
    sections = [
        "# devbox(1)",
        "Made by `make docs` from the program itself.",
        "## NAME",
        f"devbox - {app.info.help}",
        "## SYNOPSIS",
        "\n".join(synopsis),
        "Every verb takes `-h` and `--help`.",
        "## VERBS",
        *(_verb(verb) for verb in known),
        "## ENVIRONMENT",
        _items(_ENVIRONMENT),
        "## EXIT STATUS",
        _items(_EXIT_CODES),
        "## FILES",
        _items(_FILES),
    ]
    return "\n\n".join(sections) + "\n"


def _below(command: Any, words: str) -> Iterator[Verb]:
    if not hasattr(command, "commands"):
        yield _described(command, words)
        return
    for name, below in command.commands.items():
        if not below.hidden:
            yield from _below(below, f"{words} {name}")


def _described(command: Any, words: str) -> Verb:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    named = [(parameter, _names(parameter)) for parameter in shown]
    arguments = [
        (name if parameter.required else f"[{name}]") + "..." * (parameter.nargs == -1)
        for parameter, name in named
        if parameter.param_type_name == "argument"
    ]
    options = ["[OPTIONS]"] * any(parameter.param_type_name == "option" for parameter in shown)
    return Verb(
        words=words,
        arguments=" ".join([*options, *arguments]),
        text="\n\n".join(part for part in paragraphs if not part.startswith("Example:")),
        examples=tuple(
            part.removeprefix("Example:").strip() for part in paragraphs if part.startswith("Example:")
        ),
        parameters=tuple((name, _help(parameter)) for parameter, name in named),
    )


def _names(parameter: Any) -> str:
    """What is typed for a parameter: of an argument its name, of an option all of its names and its value."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or _choices(parameter) or parameter.name.upper())
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else parameter.metavar or _choices(parameter) or parameter.name.upper()
    return f"{names} {value}".rstrip()


def _choices(parameter: Any) -> str:
    """The values that a parameter takes, as "a|b", '' where it takes any."""
    # The one place where every version of typer tells them, each with its own brackets.
    record = parameter.get_help_record(typer.Context(typer.main.get_command(app)))
    last = record[0].split()[-1].strip("<>[]{}") if record else ""
    return last if "|" in last else ""


def _help(parameter: Any) -> str:
    text = " ".join((parameter.help or "").split())
    usual = getattr(parameter, "show_default", None)
    return f"{text.rstrip('.')}; {usual} unless given." if isinstance(usual, str) else text


def _verb(verb: Verb) -> str:
    parameters = [f"- `{name}`{f': {text}' if text else ''}" for name, text in verb.parameters]
    examples = [f"    {example}" for example in verb.examples]
    parts = [
        f"### {verb.words}",
        f"`{f'{verb.words} {verb.arguments}'.rstrip()}`",
        verb.text,
        *(["\n".join(parameters)] if parameters else []),
        *(["Example:", "\n".join(examples)] if examples else []),
    ]
    return "\n\n".join(parts)


def _items(items: dict[str, str]) -> str:
    return "\n".join(
        f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {text}" for names, text in items.items()
    )


if __name__ == "__main__":
    MANUAL.write_text(manual())
