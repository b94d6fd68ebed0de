"""The verbs: parse, call, print, exit code. No logic, and nothing heavy imported before it is needed."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from devbox import __version__

app = typer.Typer(
    name="devbox",
    help="Save a file; the same URL answers with the new code, out of a really rebuilt image.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Swap(StrEnum):
    ROLLING = "rolling"
    RECREATE = "recreate"


class Output(StrEnum):
    LIVE = "live"
    PLAIN = "plain"
    JSONL = "jsonl"


ProjectPath = Annotated[Path, typer.Argument(help="The project's folder.", show_default="this one")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def up(
    path: ProjectPath = Path(),
    publish: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--publish",
            metavar="PORT",
            help="Publish [HOST_IP:][HOST:]CONTAINER; host 0: any free one.",
        ),
    ] = None,
    volume: Annotated[
        list[str] | None,
        typer.Option("-v", "--volume", metavar="VOLUME", help="Mount [NAME|PATH:]TARGET[:ro]."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("-e", "--env", metavar="NAME[=VALUE]", help="Set a variable of the container."),
    ] = None,
    env_file: Annotated[
        list[str] | None,
        typer.Option("--env-file", metavar="FILE", help="Read variables of the container from a file."),
    ] = None,
    dockerfile: Annotated[
        str | None, typer.Option("--dockerfile", metavar="FILE", help="Dockerfile, relative to the project.")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", metavar="STAGE", help="Stage to build.")] = None,
    build_arg: Annotated[
        list[str] | None, typer.Option("--build-arg", metavar="NAME[=VALUE]", help="Set a build argument.")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="SECRET", help="Give a build secret: id=NAME,src=FILE or env=VAR."),
    ] = None,
    swap: Annotated[Swap | None, typer.Option("--swap", help="How a new revision takes over.")] = None,
    output: Annotated[
        Output | None, typer.Option("--output", help="Live on a terminal, plain elsewhere, unless set.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Rebuild when something changes.")] = True,
    detach: Annotated[
        bool, typer.Option("-d", "--detach", help="Serve in the background; return once it serves.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="With -d: return when it serves, or has begun.")
    ] = True,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
) -> None:
    """Build the image, serve it, and go on doing so with every change, until Ctrl-C.

    Example: devbox up . -p 8000:80 -v data:/data
    """

    def begin() -> Coroutine[Any, Any, int]:
        from devbox.daemon.background import begin
        from devbox.report import renderer

        async def follow() -> int:
            with renderer(output.value if output else "plain", sys.stdout, os.environ) as shown:
                return await begin(sys.argv[1:], path, shown, wait=wait)

        return follow()

    def run() -> Coroutine[Any, Any, int]:
        from devbox.config import parse_flags
        from devbox.daemon.session import run_session
        from devbox.report import renderer

        flags = parse_flags(
            environment=tuple(env or ()),
            build_args=tuple(build_arg or ()),
            secrets=tuple(secret or ()),
            environ=os.environ,
            ports=tuple(publish or ()),
            volumes=tuple(volume or ()),
            env_file=tuple(env_file or ()),
            dockerfile=dockerfile,
            target=target,
            swap=swap.value if swap else None,
        )

        async def session() -> int:
            # What is imported stays: the collector need not look at it again and again.
            gc.freeze()
            gc.enable()
            chosen = "background" if background else output.value if output else None
            with renderer(chosen, sys.stdout, os.environ) as shown:
                return await run_session(path, flags, os.environ, shown, watch=watch)

        return session()

    _run(begin if detach and not background else run)


@app.command()
def down(
    path: ProjectPath = Path(),
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Remove the project's volumes, and their data, too.")
    ] = False,
) -> None:
    """Stop the application and remove what devbox made for it; volumes stay unless --volumes.

    Example: devbox down
    """

    def run() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.down import bring_down

        config = load_leniently(path, os.environ)

        async def bring() -> int:
            removed = await bring_down(config, volumes=volumes)
            for name in removed.containers:
                typer.echo(f"devbox: removed container {name}")
            for name in removed.volumes:
                typer.echo(f"devbox: removed volume {name}")
            typer.echo(f"devbox: {config.project} is down")
            return 0

        return bring()

    _run(run)


@app.command()
def status(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say what serves, where, and since which revision.

    Example: devbox status --json
    """

    def run() -> Coroutine[Any, Any, int]:
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

    _run(run)


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

    def run() -> Coroutine[Any, Any, int]:
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

    _run(run)


@app.command()
def explain(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say why each step of the last build ran or was cached: also which line of which file.

    Example: devbox explain
    """

    def run() -> Coroutine[Any, Any, int]:
        from devbox.config import load_leniently
        from devbox.daemon.lock import state_directory
        from devbox.errors import UsageError
        from devbox.report.explain import explain_last, explanation_lines
        from devbox.report.journal import read_journal

        config = load_leniently(path, os.environ)

        async def tell() -> int:
            found = explain_last(read_journal(state_directory(config.root)))
            if found is None:
                raise UsageError(f"no build of {config.project} is known", hint="devbox up builds it")
            for line in [found.model_dump_json()] if as_json else explanation_lines(found):
                typer.echo(line)
            return 0

        return tell()

    _run(run)


@app.command()
def config(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Show the settings in force and where each comes from.

    Example: devbox config
    """

    def run() -> Coroutine[Any, Any, int]:
        from devbox.config import load
        from devbox.settings import Settings

        found = load(path, {}, os.environ)
        values = found.model_dump(mode="json", exclude={"sources"})

        async def show() -> int:
            if as_json:
                typer.echo(json.dumps({**values, "sources": found.sources}))
                return 0
            values["env_file"] = values.pop("env_files")
            width = max(len(name) for name in values)
            for name, value in values.items():
                shown = value if isinstance(value, str) else json.dumps(value)
                source = found.sources.get(name, "")
                note = Settings.model_fields[name].description if name in Settings.model_fields else ""
                typer.echo(
                    f"{name:{width}}  {shown or '-'}  ({source or 'derived'}{f'; {note}' if note else ''})"
                )
            return 0

        return show()

    _run(run)


@app.command()
def events(
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of one event.")] = False,
) -> None:
    """Print the JSON Schema that each line of `devbox up --output jsonl` keeps to.

    Example: devbox events --schema
    """
    if not schema:
        typer.echo(
            "devbox: events are printed by devbox up --output jsonl; --schema prints their form", err=True
        )
        raise typer.Exit(2)
    from devbox.events import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def version() -> None:
    """Print the version.

    Example: devbox version
    """
    typer.echo(f"devbox {__version__}")


def _run(make: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Runs a verb; a DevboxError becomes its lines on standard error and its exit code."""
    import asyncio

    from devbox.errors import DevboxError

    try:
        code = asyncio.run(make())
    except DevboxError as error:
        from devbox.report.failure import failure_lines

        for line in failure_lines(error):
            typer.echo(line, err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    # The interpreter's last collection would look at all that was imported: a seventh of a short verb's time.
    gc.freeze()
    raise typer.Exit(code)


def main() -> None:
    """The console script."""
    # Both take a good part of the time of a short verb: collecting what imports made, which all stays, and
    # looking for plugins of pydantic among all that is installed.
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    app()
