"""What editors need to work with a project: `devbox init --vscode`."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from devbox.cli._base import ProjectPath, app, run


@app.command()
def init(
    path: ProjectPath = Path(),
    vscode: Annotated[
        bool, typer.Option("--vscode", help="Write the tasks and the debugger's settings of VS Code.")
    ] = False,
    run_on_open: Annotated[
        bool, typer.Option("--run-on-open", help="Let VS Code start it when the folder is opened.")
    ] = False,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="FOLDER", help="The folder that is opened in VS Code."),
    ] = None,
) -> None:
    """Write what an editor needs: devbox's entries in .vscode, with all else there left as it is.

    Example: devbox init --vscode
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load
        from devbox.daemon.editors import for_vscode
        from devbox.errors import UsageError

        if not vscode:
            raise UsageError("devbox init writes nothing by itself", hint="devbox init --vscode")
        config = load(path, {}, os.environ)

        async def write() -> int:
            done = await for_vscode(config, workspace, run_on_open=run_on_open)
            for file in done.files:
                did = "wrote" if file.changed else "nothing to change in"
                typer.echo(f"devbox: {did} {file.path}: {', '.join(file.entries)}")
            for notice in done.notices:
                typer.echo(f"devbox: notice: {notice}")
            return 0

        return write()

    run(act)
