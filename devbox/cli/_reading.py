"""The verbs that read: what serves, what it writes, why a build did what it did."""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox.cli._base import AsJson, ProjectPath, app, run

if TYPE_CHECKING:
    # What a verb needs it imports when it runs.
    from devbox.config import Config
    from devbox.report.explain import Explanation


@app.command()
def status(
    path: ProjectPath = Path(),
    every: Annotated[bool, typer.Option("--all", help="Every project that devbox runs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what serves, where, since which revision, and what the newest save ended with.

    Example: devbox status --json
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.report.statuses import status_lines, table_lines

        if every:
            from devbox.daemon.status import read_every_status

            async def read_all() -> int:
                found = await read_every_status()
                for line in [each.model_dump_json() for each in found] if as_json else table_lines(found):
                    typer.echo(line)
                return 0

            return read_all()

        from devbox.config import load_leniently
        from devbox.daemon.status import read_status

        config = load_leniently(path, os.environ)

        async def read() -> int:
            found = await read_status(config)
            for line in [found.model_dump_json()] if as_json else status_lines(found):
                typer.echo(line)
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
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Begin 10m, 2h or 30s ago, or at 2026-11-27T10:00.")
    ] = "",
) -> None:
    """Print what the application has written, to standard output and standard error as it did.

    Example: devbox logs -f --tail 20
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.logs import Extent, read_logs
        from devbox.engine.protocol import LogLine
        from devbox.errors import UsageError
        from devbox.notation import parse_since

        config = load_leniently(path, os.environ)
        extent = Extent(follow, tail, parse_since(since, time.time()) if since else 0.0)

        def put(line: LogLine) -> None:
            typer.echo(line.line, err=line.stream == "stderr")

        async def read() -> int:
            if not await read_logs(config, put, extent):
                raise UsageError(f"nothing of {config.project} is there", hint="devbox up starts it")
            return 0

        return read()

    run(act)


@app.command()
def explain(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say why each step of the last build ran or was cached, by file and line, and what could be better.

    The advice is on the Dockerfile as it is on disk, with the better lines; `# check=skip=RULE` at its top
    silences a rule.

    Example: devbox explain
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.lock import state_directory
        from devbox.report.explain import Explanation, explain_last, explanation_lines
        from devbox.report.journal_reader import read_journal

        config = load_leniently(path, os.environ)

        async def tell() -> int:
            found = explain_last(read_journal(state_directory(config.root)))
            advised = await _advised(config, found or Explanation())
            for line in [advised.model_dump_json()] if as_json else explanation_lines(advised):
                typer.echo(line)
            return 0

        return tell()

    run(act)


async def _advised(config: Config, found: Explanation) -> Explanation:
    """The same with advice on what is on disk; raises UsageError where neither it nor a build is known."""
    from devbox.errors import DevboxError, UsageError

    trouble = f"there is no {config.dockerfile.name}"
    if config.dockerfile.exists():
        # What watches files is imported only where there is something to be looked at.
        from devbox.daemon.advising import advice_on_disk, suggested

        try:
            advice = tuple(suggested(each) for each in await advice_on_disk(config))
            return found.model_copy(update={"advice": advice})
        except TimeoutError:
            trouble = "the disk does not answer"
        except DevboxError as error:
            if not found.build:
                raise
            trouble = str(error)
    if not found.build:
        raise UsageError(f"no build of {config.project} is known, and {trouble}", hint="devbox up builds it")
    return found.model_copy(update={"unadvised": trouble})
