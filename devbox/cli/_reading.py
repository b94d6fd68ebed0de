"""The verbs that read: what serves, what it writes, why a build did what it did."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from devbox.cli._base import AsJson, ProjectPath, app, run


@app.command()
def status(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say what serves, where, and since which revision.

    Example: devbox status --json
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.status import read_status

        config = load_leniently(path, os.environ)

        async def read() -> int:
            found = await read_status(config)
            if as_json:
                typer.echo(found.model_dump_json())
            elif found.state == "serving":
                typer.echo(
                    f"devbox: {found.project} serving revision {found.revision} at {' '.join(found.urls)}"
                )
                if found.daemon is None:
                    typer.echo("devbox: no devbox watches it; devbox up takes it over")
            else:
                typer.echo(f"devbox: {found.project} {found.state}")
                if found.reason:
                    typer.echo(f"devbox:   why: {found.reason.removeprefix('devbox: ')}")
            return 0

        return read()

    run(act)


@app.command()
def logs(
    path: ProjectPath = Path(),
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what is written, also by later revisions.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option("-n", "--tail", min=0, metavar="N", help="Begin with the last N lines.")
    ] = None,
) -> None:
    """Print what the application has written, to standard output and standard error as it did.

    Example: devbox logs -f --tail 20
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.logs import read_logs
        from devbox.engine.protocol import LogLine
        from devbox.errors import UsageError

        config = load_leniently(path, os.environ)

        def put(line: LogLine) -> None:
            typer.echo(line.line, err=line.stream == "stderr")

        async def read() -> int:
            if not await read_logs(config, put, follow=follow, tail=tail):
                raise UsageError(f"nothing of {config.project} is there", hint="devbox up starts it")
            return 0

        return read()

    run(act)


@app.command()
def explain(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say why each step of the last build ran or was cached: also which line of which file.

    Example: devbox explain
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.lock import state_directory
        from devbox.errors import UsageError
        from devbox.report.explain import explain_last, explanation_lines
        from devbox.report.journal_reader import read_journal

        config = load_leniently(path, os.environ)

        async def tell() -> int:
            found = explain_last(read_journal(state_directory(config.root)))
            if found is None:
                raise UsageError(f"no build of {config.project} is known", hint="devbox up builds it")
            for line in [found.model_dump_json()] if as_json else explanation_lines(found):
                typer.echo(line)
            return 0

        return tell()

    run(act)
