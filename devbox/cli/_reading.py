"""The verbs that read: what serves, what it writes, why a build did what it did."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox.cli._base import AsJson, ProjectPath, app, run

_RESET = "\x1b[0m"

if TYPE_CHECKING:
    # What a verb needs it imports when it runs.
    from devbox.config import Config
    from devbox.daemon.extent import Extent
    from devbox.report.explain import Explanation


@app.command(short_help="Say what serves, where, and what the newest save ended with.")
def status(
    path: ProjectPath = Path(),
    every: Annotated[
        bool, typer.Option("--all", help="Every project that devbox runs, or left running.")
    ] = False,
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

        from devbox.daemon.status import read_statuses

        async def read() -> int:
            for found in await read_statuses(path, os.environ):
                for line in [found.model_dump_json()] if as_json else status_lines(found):
                    typer.echo(line)
            return 0

        return read()

    run(act)


@app.command(short_help="Print what the application, or a build, has written.")
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
    build: Annotated[
        int | None,
        typer.Option("--build", min=1, metavar="N", help="What the steps of build N wrote, instead."),
    ] = None,
) -> None:
    """Print what the application, or with --build a build, has written, to standard output and standard error
    as it did.

    Example: devbox logs -f --tail 20

    Example: devbox logs --build 17
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.extent import Extent
        from devbox.daemon.known import config_of
        from devbox.notation import parse_since

        config = config_of(path, os.environ)
        extent = Extent(follow, tail, parse_since(since, time.time()) if since else 0.0)
        return _logs(config, extent) if build is None else _build_logs(config, build, extent)

    run(act)


def put_line(line: str, *, err: bool) -> None:
    """Prints somebody else's line: as it is for a program, with its colours and no other control sequence on
    a terminal."""
    if (sys.stderr if err else sys.stdout).isatty():
        from devbox.report.text import clean_but_coloured

        line = clean_but_coloured(line)
        if "\x1b" in line:
            line = f"{line.removesuffix(_RESET)}{_RESET}"
    typer.echo(line, err=err, color=True)


async def _logs(config: Config, extent: Extent) -> int:
    from devbox.daemon.inside import what_helps
    from devbox.daemon.known import met
    from devbox.daemon.logs import read_logs
    from devbox.engine.values import LogLine
    from devbox.errors import UsageError

    def put(line: LogLine) -> None:
        put_line(line.line, err=line.stream == "stderr")

    if not await read_logs(config, put, extent):
        raise UsageError(f"no revision of {met(config).project} is there", hint=what_helps(config))
    return 0


async def _build_logs(config: Config, build: int, extent: Extent) -> int:
    from devbox.daemon.buildlog import read_build_log
    from devbox.events import BuildLog
    from devbox.report.failure import PREFIX
    from devbox.report.text import shorten

    step = ""

    def put(event: BuildLog) -> None:
        nonlocal step
        if event.step != step:
            step = event.step
            typer.echo(f"{PREFIX}{shorten(step)}")
        put_line(event.line, err=event.stream == "stderr")

    def say(text: str) -> None:
        typer.echo(f"{PREFIX}{text}", err=True)

    await read_build_log(config, build, extent, put, say)
    return 0


@app.command(short_help="Say why each step ran or was cached, and what could be better.")
def explain(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say why each step of the last build ran or was cached, by file and line, and what could be better.

    The advice is on the Dockerfile as it is on disk, with the better lines; `# check=skip=RULE` at its top
    silences a rule.

    Example: devbox explain
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.known import config_of
        from devbox.daemon.lock import state_directory
        from devbox.report.explain import Explanation, explain_last, explanation_lines
        from devbox.report.journal_reader import read_journal

        config = config_of(path, os.environ)

        async def tell() -> int:
            found = explain_last(read_journal(state_directory(config.place)))
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
