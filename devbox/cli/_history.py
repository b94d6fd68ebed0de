"""`devbox history`: the builds of a project, or one of them as a timeline."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from devbox.cli._base import PLACE, AsJson, app, complete_projects, number_and_path, run
from devbox.place import split


@app.command(short_help="List the builds, or show one of them.")
def history(
    build: Annotated[
        str | None,
        typer.Argument(help="A build's number: show that one.", show_default="all"),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(help=PLACE, show_default="this one", autocompletion=complete_projects),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, metavar="N", help="The last N builds.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the builds, newest last: why, how, how long; or show one of them on its axis of time.

    Example: devbox history 17
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.lock import holder, runtime_directory, state_directory
        from devbox.errors import UsageError
        from devbox.report.history.show import read_past, show_build, show_builds

        number, root = number_and_path(build, path)
        folder = state_directory(root)
        if not (split(root)[0].is_dir() or folder.is_dir()):
            raise UsageError(f"{root} is no folder", hint="name the project's folder: devbox history PATH")
        alive = holder(runtime_directory(root)) is not None

        async def show() -> int:
            known = read_past(folder, alive=alive, detailed=number)
            if not known.builds:
                # Settings take their time to import.
                from devbox.daemon.known import services_known

                hint = "devbox up builds it"
                if places := services_known(root):
                    hint = f"its services: {', '.join(f'devbox history {quote(place)}' for place in places)}"
                raise UsageError(f"no build of {root.resolve().name} is known", hint=hint)
            if number is None:
                show_builds(known, count, sys.stdout, os.environ, as_json=as_json)
                return 0
            found = known.newest(number)
            if found is None:
                raise UsageError(f"no build {number} is known", hint="devbox history lists those that are")
            show_build(found, known.project, folder, sys.stdout, os.environ, as_json=as_json)
            return 0

        return show()

    run(act)
