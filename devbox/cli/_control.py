"""The verbs that ask a running devbox for something."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox.cli._base import (
    PLACE,
    AsJson,
    ProjectPath,
    app,
    complete_projects,
    complete_revisions,
    number_and_path,
    run,
    standing,
)

if TYPE_CHECKING:
    from devbox.daemon.api.client import Client
    from devbox.daemon.api.models import Begun

_HIGHEST = 2**31


@app.command(short_help="Build what is on disk though nothing changed.")
def rebuild(
    path: ProjectPath = Path(),
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run every step.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch base images anew.")] = False,
) -> None:
    """Build what is on disk though nothing changed, and let it serve.

    Example: devbox rebuild --no-cache
    """

    async def begin(client: Client) -> Begun:
        from devbox.daemon.api.models import RebuildOrder

        return await client.rebuild(RebuildOrder(no_cache=no_cache, pull=pull))

    run(lambda: _ordered(path, begin))


@app.command()
def restart(path: ProjectPath = Path()) -> None:
    """Let a new container of the revision that serves take over.

    Example: devbox restart
    """
    run(lambda: _ordered(path, lambda client: client.restart()))


@app.command(short_help="Let an older revision serve again.")
def rollback(
    revision: Annotated[
        str | None,
        typer.Argument(
            help="The revision that is to serve again.",
            show_default="the one before",
            autocompletion=complete_revisions,
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(help=PLACE, show_default="this one", autocompletion=complete_projects),
    ] = None,
) -> None:
    """Let an older revision serve again, out of the image that was kept; the next save goes forward again.

    Example: devbox rollback 17
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.api.models import RollbackOrder
        from devbox.errors import UsageError

        number, root = number_and_path(revision, path)
        if number is not None and number > _HIGHEST:
            raise UsageError(f"revision {number} is not kept", hint="devbox history lists those that served")
        return _ordered(root, lambda client: client.rollback(RollbackOrder(revision=number or 0)))

    run(act)


@app.command()
def pause(path: ProjectPath = Path()) -> None:
    """Let changes on disk lead to nothing, until devbox resume.

    Example: devbox pause
    """
    done = "watching paused; devbox resume builds what is on disk then"
    run(lambda: _asked(path, lambda client: client.pause(), done))


@app.command(short_help="Build changes on disk again.")
def resume(path: ProjectPath = Path()) -> None:
    """Build changes on disk again, also those made while watching was paused.

    Example: devbox resume
    """
    run(lambda: _asked(path, lambda client: client.resume(), "watching again"))


@app.command(short_help="Wait until what is on disk is what serves.")
def wait(
    path: ProjectPath = Path(),
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, max=86400, metavar="SECONDS", help="Wait so long at most.")
    ] = 600,
    as_json: AsJson = False,
) -> None:
    """Wait until what is on disk now is what serves: 0 then, 1 and the reason where it cannot be.

    Example: devbox wait --timeout 60 && pytest
    """

    def act() -> Coroutine[Any, Any, int]:
        import asyncio

        from devbox.daemon.api.client import Client
        from devbox.daemon.api.models import WaitOrder
        from devbox.daemon.known import configs_of, met
        from devbox.daemon.together import in_front, labelled_json
        from devbox.report.waited import waited_lines

        label = labelled_json if as_json else in_front

        configs = tuple(map(met, configs_of(path, os.environ)))
        clients = [Client(config.place) for config in configs]
        services = [config.compose.service if config.compose else "" for config in configs]

        async def ask() -> int:
            every = await asyncio.gather(*(client.wait(WaitOrder(timeout=timeout)) for client in clients))
            for waited, service in zip(every, services, strict=True):
                serves = waited.result == "serving"
                for line in [waited.model_dump_json()] if as_json else waited_lines(waited, timeout):
                    shown = label(service, max(map(len, services)), line) if len(every) > 1 else line
                    typer.echo(shown, err=not (serves or as_json))
            return 0 if all(waited.result == "serving" for waited in every) else 1

        return ask()

    run(act)


@app.command("open")
def open_url(path: ProjectPath = Path()) -> None:
    """Show the application in the browser.

    Example: devbox open
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.known import config_of
        from devbox.daemon.status import read_status
        from devbox.errors import UsageError

        config = config_of(path, os.environ)

        async def show() -> int:
            found = await read_status(config)
            if not found.urls:
                raise UsageError(f"{config.project} is not running", hint="devbox up -d starts it")
            typer.echo(f"devbox: {found.urls[0]}")
            typer.launch(found.urls[0])
            return 0

        return show()

    run(act)


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    path: Annotated[Path, typer.Option("--project", metavar="PATH", help=PLACE, callback=standing)] = Path(),
) -> None:
    """Run a command in the container that serves.

    Example: devbox exec alembic upgrade head
    """
    _inside(path, tuple(command))


@app.command()
def shell(path: ProjectPath = Path()) -> None:
    """Open a shell in the container that serves.

    Example: devbox shell
    """
    _inside(path, None)


def _inside(path: Path, command: tuple[str, ...] | None) -> None:
    def act() -> Coroutine[Any, Any, int]:
        from devbox.daemon.inside import SHELL, run_inside
        from devbox.daemon.known import config_of

        return run_inside(config_of(path, os.environ), command or SHELL)

    run(act)


def _client(path: Path) -> Client:
    """Asks the devbox that runs the project there."""
    from devbox.daemon.api.client import Client
    from devbox.daemon.known import config_of, met

    return Client(met(config_of(path, os.environ)).place)


async def _ordered(path: Path, begin: Callable[[Client], Awaitable[Begun]]) -> int:
    """Gives an order and shows what becomes of it."""
    from devbox.daemon.ordering import follow_order
    from devbox.report import renderer

    client = _client(path)
    begun = await begin(client)
    with renderer("plain", sys.stdout, os.environ) as shown:
        return await follow_order(client, begun, shown)


async def _asked(path: Path, ask: Callable[[Client], Awaitable[object]], done: str) -> int:
    """Asks for something that is done at once."""
    await ask(_client(path))
    typer.echo(f"devbox: {done}")
    return 0
