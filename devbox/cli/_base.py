"""What every verb is made with: the typer application, the shared arguments, and how a verb is run."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from devbox.place import canonical, split

_WORDS = (
    ("Input should be a valid integer, unable to parse string as an integer", "it is no whole number"),
    ("Input should be a valid number, unable to parse string as a number", "it is no number"),
    ("Input should be greater than or equal to", "it must be at least"),
    ("Input should be less than or equal to", "it must be at most"),
    ("Input should be", "it must be"),
    ("Value error, ", ""),
)


class InWords(TyperGroup):
    """The verbs; what typer has pydantic say of a wrong value is said in words of ours."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the verb that was typed."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            for theirs, ours in _WORDS:
                error.message = error.message.replace(theirs, ours)
            raise


app = typer.Typer(
    name="devbox",
    cls=InWords,
    help="Save a file; the same URL answers with the new code, out of a really rebuilt image.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


FOLDERS = "\0"
"""As the help of a word that is offered at Tab: the shell's folders fit there too."""


def complete_projects(incomplete: str) -> list[tuple[str, str]]:
    """The folders of projects that devbox has run, with their names, and the shell's own folders."""
    from devbox.daemon.lock import state_directory
    from devbox.report.glance import known_projects

    known = known_projects(state_directory(Path()).parent)
    found = [(project.root, project.name) for project in known if split(Path(project.root))[0].is_dir()]
    return [*found, (incomplete, FOLDERS)]


def complete_revisions(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The revisions of the project at hand that have served, the latest first; for `autocompletion=`."""
    from datetime import datetime

    from devbox.daemon.lock import state_directory
    from devbox.report.glance import served_revisions

    path = ctx.params.get("path")
    found = served_revisions(state_directory(Path(path) if path else Path()))
    return [
        (str(item.number), f"{datetime.fromtimestamp(item.at).astimezone():%a %H:%M}, {item.strategy}")
        for item in found
        if str(item.number).startswith(incomplete)
    ]


def standing(path: Path) -> Path:
    """The path as it is, PATH:SERVICE by its real folder; where the shell stands in a folder that was
    deleted, from where that one was.

    Raises typer.BadParameter where the shell does not tell.
    """
    try:
        Path.cwd()
    except FileNotFoundError as error:
        path = Path(os.environ.get("PWD", ""), path)
        if not path.is_absolute():
            raise typer.BadParameter("the folder that you are in was deleted: cd elsewhere") from error
    return canonical(path)


PLACE = "The project's folder, or one service of it: PATH:SERVICE."
ProjectPath = Annotated[
    Path,
    typer.Argument(
        help=PLACE,
        show_default="this one",
        autocompletion=complete_projects,
        callback=standing,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def number_and_path(first: str | None, second: Path | None) -> tuple[int | None, Path]:
    """What the arguments [NUMBER] [PATH] mean: a first one that is no number is the path.

    Raises UsageError where two are given and the first is no number. A folder called 17 is ./17.
    """
    if first is None:
        return None, standing(Path())
    if first.isdecimal() and first.isascii():
        return int(first), standing(second or Path())
    if second is not None:
        from devbox.errors import UsageError

        raise UsageError(f"{first} is no number", hint="the number comes first, then the project's folder")
    return None, standing(Path(first))


def is_full_output(error: OSError) -> bool:
    """Whether standard output goes to a disk that is full."""
    return error.errno == errno.ENOSPC and error.filename is None


def tell_full_output(error: OSError) -> int:
    """Says so, keeps the interpreter from saying it once more when it ends, and gives the exit code."""
    from devbox.report.sink import lead_nowhere

    typer.echo(f"devbox: the output cannot be written: {error.strerror}", err=True)
    lead_nowhere(sys.stdout)
    return 1


def run(make: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Runs a verb; a DevboxError becomes its lines on standard error and its exit code."""
    import asyncio

    from devbox.errors import EXIT_INTERRUPTED, DevboxError

    try:
        code = asyncio.run(make())
    except DevboxError as error:
        from devbox.report.failure import failure_lines

        for line in failure_lines(error):
            typer.echo(line, err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except OSError as error:
        if not is_full_output(error):
            raise
        code = tell_full_output(error)
    # The interpreter's last collection would look at all that was imported: a seventh of a short verb's time.
    gc.freeze()
    raise typer.Exit(code)
