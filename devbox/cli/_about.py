"""The verbs about devbox itself: settings in force, the form of events, the version."""

from __future__ import annotations

import json
import os
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox import __version__
from devbox.cli._base import AsJson, ProjectPath, app, run

if TYPE_CHECKING:
    from devbox.daemon.inforce import InForce


@app.command(short_help="Show the settings and where each comes from.")
def config(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Show the settings of the files and where each comes from; and those that a running devbox does not take
    from there, as those of its flags.

    Example: devbox config
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load
        from devbox.daemon.inforce import in_force
        from devbox.report.failure import PREFIX

        found = load(path, {}, os.environ)
        values = found.model_dump(mode="json", exclude={"sources"})

        async def show() -> int:
            running = await in_force(found.place)
            others = running.others(found) if running is not None else {}
            if as_json:
                typer.echo(
                    json.dumps({**values, "sources": found.sources, "running": _told(running, others)})
                )
                return 0
            for line in _setting_lines(values, found.sources):
                typer.echo(line)
            if running is not None and others:
                typer.echo(f"{PREFIX}process {running.pid} runs this project with other settings:")
                for line in _setting_lines(others, running.sources):
                    typer.echo(line)
            return 0

        return show()

    run(act)


def _told(running: InForce | None, others: Mapping[str, Any]) -> dict[str, Any] | None:
    from devbox.daemon.inforce import name_in_files

    if running is None:
        return None
    sources = {name: running.sources.get(name_in_files(name), "") for name in others}
    return {"pid": running.pid, "others": others, "sources": sources}


def _setting_lines(values: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[str]:
    from devbox.daemon.inforce import name_in_files
    from devbox.settings import Settings
    from devbox.toml import as_toml

    written = {name_in_files(name): value for name, value in values.items()}
    width = max(map(len, written))
    for name, value in written.items():
        if name == "compose" and isinstance(value, dict):
            # All of it is for programs.
            value = f"{value['service']} of {value['file']}"
        shown = "-" if value in (None, "") else as_toml(value)
        source = sources.get(name, "") or "derived"
        note = Settings.model_fields[name].description if name in Settings.model_fields else ""
        yield f"{name:{width}}  {shown}  ({source}{f'; {note}' if note else ''})"


@app.command(short_help="Print the events of a session, a line of JSON each.")
def events(
    path: ProjectPath = Path(),
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what happens, until devbox ends.")
    ] = False,
    after: Annotated[
        int,
        typer.Option(
            "--after",
            min=0,
            max=2**53 - 1,
            metavar="SEQ",
            help="Only events with a higher seq of this session.",
        ),
    ] = 0,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of one event.")] = False,
) -> None:
    """Print the events of the running devbox, or of the last one, a line of JSON each.

    Example: devbox events -f | jq -c .kind
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.known import config_of
        from devbox.daemon.told import told
        from devbox.events import json_schema, to_json

        place = config_of(path, os.environ).place

        async def show() -> int:
            if schema:
                typer.echo(json.dumps(json_schema(), indent=2))
                return 0
            async for event in told(place, after, follow=follow):
                # Whoever reads them is to have each one at once.
                print(to_json(event), flush=True)  # noqa: T201
            return 0

        return show()

    run(act)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"devbox {__version__}")
        raise typer.Exit


@app.callback()
def _devbox(
    asked: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version."),
    ] = False,
) -> None:
    del asked


@app.command()
def version() -> None:
    """Print the version.

    Example: devbox version
    """
    typer.echo(f"devbox {__version__}")
