"""The verbs about devbox itself: settings in force, the form of events, the version."""

from __future__ import annotations

import json
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from devbox import __version__
from devbox.cli._base import AsJson, ProjectPath, app, run


@app.command()
def config(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Show the settings in force and where each comes from.

    Example: devbox config
    """

    def act() -> Coroutine[Any, Any, int]:
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

    run(act)


@app.command()
def events(
    path: ProjectPath = Path(),
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what happens, until devbox ends.")
    ] = False,
    after: Annotated[
        int, typer.Option("--after", min=0, metavar="SEQ", help="Only events with a higher seq.")
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

        root = config_of(path, os.environ).root

        async def show() -> int:
            if schema:
                typer.echo(json.dumps(json_schema(), indent=2))
                return 0
            async for event in told(root, after, follow=follow):
                # Whoever reads them is to have each one at once.
                print(to_json(event), flush=True)  # noqa: T201
            return 0

        return show()

    run(act)


@app.command()
def version() -> None:
    """Print the version.

    Example: devbox version
    """
    typer.echo(f"devbox {__version__}")
