"""`devbox service`: `devbox up` at each login, through systemd or launchd."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import typer

from devbox.cli._base import AsJson, ProjectPath, app, run

service = typer.Typer(
    help="Have devbox up started at each login, by systemd or launchd.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(service, name="service")


@service.command()
def install(path: ProjectPath = Path()) -> None:
    """Start devbox up now and at each login.

    Example: devbox service install
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load
        from devbox.daemon.lock import holder, runtime_directory
        from devbox.daemon.unit import key_of, manager
        from devbox.daemon.unit.description import asked_variables, describe
        from devbox.daemon.unit.words import installed_lines

        config = load(path, {}, os.environ)
        description = describe(config, key_of(config.place), os.environ, sys.executable)

        async def put() -> int:
            for name in asked_variables(config):
                typer.echo(
                    f"devbox: notice: ${name} holds a build secret and is not written into the service"
                )
            running = holder(runtime_directory(config.place))
            for line in installed_lines(manager(os.environ).install(description, running)):
                typer.echo(line)
            return 0

        return put()

    run(act)


@service.command()
def uninstall(path: ProjectPath = Path()) -> None:
    """End that; volumes and images stay.

    Example: devbox service uninstall
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.lock import holder, runtime_directory
        from devbox.daemon.unit import key_of, manager
        from devbox.daemon.unit.words import uninstalled_lines

        async def remove() -> int:
            removed, problem = manager(os.environ).uninstall(key_of(path))
            for line in uninstalled_lines(path.resolve(), removed, problem, holder(runtime_directory(path))):
                typer.echo(line)
            return 0

        return remove()

    run(act)


@service.command("status")
def service_status(path: ProjectPath = Path(), as_json: AsJson = False) -> None:
    """Say whether it is installed and active.

    Example: devbox service status --json
    """

    def act() -> Coroutine[Any, Any, int]:
        import json
        from dataclasses import asdict

        from devbox.daemon.unit import key_of, manager
        from devbox.daemon.unit.words import state_lines

        async def tell() -> int:
            state = manager(os.environ).state(key_of(path), path.resolve())
            for line in [json.dumps(asdict(state))] if as_json else state_lines(state):
                typer.echo(line)
            return 0

        return tell()

    run(act)
