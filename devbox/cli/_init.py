"""`devbox init`: a project's Dockerfile, and what editors need to work with it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox.cli._base import ProjectPath, app, run

if TYPE_CHECKING:
    from devbox.config import Config
    from devbox.generate.write import Change


@app.command(short_help="Write Dockerfile, .dockerignore and devbox.toml.")
def init(
    path: ProjectPath = Path(),
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=1, max=65535, help="Port to serve on.", show_default="8000"),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes that serve.")] = 1,
    proxy_headers: Annotated[
        bool,
        typer.Option("--proxy-headers", help="Believe what a proxy in front says of clients and TLS."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files without asking.")] = False,
    vscode: Annotated[
        bool,
        typer.Option(
            "--vscode",
            help="Write the tasks and the debugger's settings of VS Code; alone, or with the other editor's "
            "options, nothing else.",
        ),
    ] = False,
    run_on_open: Annotated[
        bool, typer.Option("--run-on-open", help="Let VS Code start it when the folder is opened.")
    ] = False,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="FOLDER", help="The folder that is opened in VS Code."),
    ] = None,
) -> None:
    """Write Dockerfile, .dockerignore and devbox.toml for the FastAPI or Flask application in the folder.

    Nothing is run to find out. A file that is there and differs is shown as a diff and replaced only after a
    yes; where nobody can be asked, nothing is written and the exit code is 2, unless --force.

    Example: devbox init --workers 2
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load
        from devbox.daemon.template import asked_for
        from devbox.errors import SeveralServices, UsageError
        from devbox.place import place_of

        if (run_on_open or workspace is not None) and not vscode:
            raise UsageError("--run-on-open and --workspace are about VS Code", hint="add --vscode")
        dockerfile = not vscode or port is not None or workers > 1 or proxy_headers or force
        services: tuple[str, ...] = ()
        try:
            config = load(path, {}, os.environ)
        except SeveralServices as error:
            if dockerfile:
                raise
            services = error.services
            config = load(place_of(path.resolve(), services[0]), {}, os.environ)
        asked = asked_for(config)
        options = replace(asked, port=port or asked.port, workers=workers, proxy_headers=proxy_headers)

        async def write() -> int:
            if dockerfile:
                from devbox.daemon.initial import initialise

                asks = sys.stdin.isatty() and sys.stdout.isatty()
                await initialise(config, options, force=force, ask=_ask if asks else None, tell=_tell)
            if vscode:
                await _for_vscode(config, workspace, services, run_on_open=run_on_open)
            if dockerfile:
                _tell(f"next: devbox up{'' if path == Path() else f' {path}'}")
            return 0

        return write()

    run(act)


def _tell(line: str) -> None:
    typer.echo(f"devbox: {line}")


def _ask(change: Change) -> bool:
    # The loop's own handler would only ask the task to end, which waits for the line.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        typer.echo(change.diff(), nl=False)
        typer.echo(f"devbox: replace {change.path.name}? [y/N] ", nl=False)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        signal.signal(signal.SIGINT, former)


async def _for_vscode(
    config: Config, workspace: Path | None, services: tuple[str, ...], *, run_on_open: bool
) -> None:
    from devbox.daemon.editors import for_vscode

    done = await for_vscode(config, workspace, run_on_open=run_on_open, services=services)
    for file in done.files:
        did = "wrote" if file.changed else "nothing to change in"
        _tell(f"{did} {file.path}: {', '.join(file.entries)}")
    for notice in done.notices:
        _tell(f"notice: {notice}")
