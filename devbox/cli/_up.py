"""`devbox up` and `devbox down`."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Coroutine
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devbox.cli import _run_options as options
from devbox.cli._base import ProjectPath, app, run

if TYPE_CHECKING:
    from devbox.config import Config


class Swap(StrEnum):
    ROLLING = "rolling"
    RECREATE = "recreate"


class Output(StrEnum):
    LIVE = "live"
    PLAIN = "plain"
    JSONL = "jsonl"


@app.command(
    cls=options.WithCommand,
    options_metavar="[OPTIONS]",
    short_help="Build the image, serve it, and do so again with every change.",
)
def up(
    context: typer.Context,
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
    network: options.Networks = None,
    network_alias: options.NetworkAliases = None,
    tmpfs: options.Tmpfs = None,
    memory: options.Memory = None,
    cpus: options.Cpus = None,
    restart: options.Restart = None,
    user: options.User = None,
    workdir: options.Workdir = None,
    entrypoint: options.Entrypoint = None,
    workers: options.Workers = None,
    add_host: options.AddHost = None,
    stop_signal: options.StopSignal = None,
    stop_timeout: options.StopTimeout = None,
    label: options.Labels = None,
    health_cmd: options.HealthCmd = None,
    health_interval: options.HealthInterval = None,
    health_timeout: options.HealthTimeout = None,
    health_start_period: options.HealthStartPeriod = None,
    health_retries: options.HealthRetries = None,
    no_healthcheck: options.NoHealthcheck = False,
    compose_file: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="FILE", help="Compose file, instead of the folder's own."),
    ] = None,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", metavar="NAME", help="Profile of the compose file.")
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="NAME", help="Service of the compose file to develop.")
    ] = None,
    swap: Annotated[Swap | None, typer.Option("--swap", help="How a new revision takes over.")] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Run the application under debugpy, for an editor to attach to.")
    ] = False,
    debug_port: Annotated[
        int | None,
        typer.Option(
            "--debug-port", metavar="PORT", min=1, max=65535, help="Port to attach to, instead of 5678."
        ),
    ] = None,
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
    instance: Annotated[str, typer.Option("--instance", hidden=True)] = "",
) -> None:
    """Build the image, serve it, and go on doing so with every change, until Ctrl-C. A command after `--` is
    run in the place of the image's CMD.

    Where the compose file builds several services and none is named, each is served by a loop of its own.

    Example: devbox up . -p 8000:80 -v data:/data -- uvicorn app.main:app --host 0.0.0.0
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load, parse_flags
        from devbox.daemon.keypresses import Keypresses
        from devbox.daemon.lock import holder, runtime_directory
        from devbox.errors import SeveralServices
        from devbox.place import place_of
        from devbox.report import can_be_live, renderer

        root = place_of(path.resolve(), instance) if instance else path
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
            labels=tuple(label or ()),
            networks=tuple(network or ()),
            network_aliases=tuple(network_alias or ()),
            tmpfs=tuple(tmpfs or ()),
            memory=memory,
            cpus=cpus,
            restart=restart,
            user=user,
            workdir=workdir,
            entrypoint=(entrypoint,) if entrypoint else None,
            workers=workers,
            extra_hosts=tuple(add_host or ()),
            stop_signal=stop_signal,
            stop_grace=stop_timeout,
            health_cmd=health_cmd,
            health_interval=health_interval,
            health_timeout=health_timeout,
            health_start_period=health_start_period,
            health_retries=health_retries,
            no_healthcheck=no_healthcheck or None,
            command=context.meta.get(options.AFTER_DASHES),
            compose_file=tuple(compose_file or ()),
            profiles=tuple(profile or ()),
            service=service,
            swap=swap.value if swap else None,
            debug=debug or debug_port is not None or None,
            debug_port=debug_port,
        )
        chosen = output.value if output else None
        keys = Keypresses(root)
        live = chosen == "live" or (chosen is None and can_be_live(sys.stdout, os.environ))
        asks = live and sys.stdin.isatty()
        runs = watch and not background and holder(runtime_directory(root)) is not None

        async def join() -> int:
            from devbox.daemon.attach import attach, until_served

            if detach:
                return await until_served(root, flags, os.environ, typer.echo, wait=wait)
            with renderer(chosen, sys.stdout, os.environ, keys) as shown:
                keys.say = shown.message
                return await attach(root, flags, os.environ, shown, asks=asks)

        async def begin() -> int:
            from devbox.daemon.background import begin
            from devbox.errors import AlreadyRunning

            try:
                with renderer(chosen or "plain", sys.stdout, os.environ) as shown:
                    return await begin(sys.argv[1:], root, shown, wait=wait)
            except AlreadyRunning:
                # Begun at the same moment.
                return await join()

        async def session() -> int:
            from devbox.daemon.session import run_session

            # What is imported stays: the collector need not look at it again and again.
            gc.freeze()
            gc.enable()
            shows = "background" if background else chosen
            with renderer(shows, sys.stdout, os.environ, keys) as shown:
                keys.say = shown.message
                code = await run_session(root, flags, os.environ, shown, watch=watch)
            if shown.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return code

        async def together(error: SeveralServices) -> int:
            from devbox.daemon.together import refuse_flags_of_one, run_together

            refuse_flags_of_one({**flags, "live": chosen == "live"}, error.services)

            puts = (typer.echo, partial(typer.echo, err=True))
            return await run_together(sys.argv[1:], error.services, *puts, jsonl=chosen == "jsonl")

        async def start() -> int:
            try:
                if detach and not background:
                    load(root, flags, os.environ)
                    return await begin()
                return await session()
            except SeveralServices as error:
                return await together(error)

        return join() if runs else start()

    run(act)


@app.command(short_help="Stop it and remove what devbox made for it, but no volumes.")
def down(
    path: ProjectPath = Path(),
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Remove the project's volumes, and their data, too.")
    ] = False,
    services: Annotated[
        bool,
        typer.Option("--services", help="Have Docker Compose stop the other services of the file, too."),
    ] = False,
) -> None:
    """Stop the application and remove what devbox made for it; volumes stay unless --volumes.

    Example: devbox down
    """

    def act() -> Coroutine[Any, Any, int]:
        from devbox.config import load
        from devbox.daemon.down import bring_services_down, compose_of
        from devbox.daemon.known import all_configs_of

        configs = all_configs_of(path, os.environ)

        async def bring() -> int:
            compose = await compose_of(configs) if services else None
            if services and compose is None:
                # What there is to stop is known from nowhere else: the reason is told.
                load(configs[0].place, {}, os.environ)
            # No volume or network of one is removed while another one is in it.
            for config in configs if len(configs) > 1 else ():
                await _down(config, volumes=False)
            for config in configs if len(configs) == 1 or volumes else ():
                await _down(config, volumes=volumes)
            if services:
                await bring_services_down(configs[0].root, compose, os.environ, volumes=volumes)
            return 0

        return bring()

    run(act)


async def _down(config: Config, *, volumes: bool) -> None:
    from devbox.daemon.down import bring_down
    from devbox.daemon.known import ELSEWHERE, never_a_project

    removed = await bring_down(config, volumes=volumes)
    for name in removed.containers:
        typer.echo(f"devbox: removed container {name}")
    for name in removed.volumes:
        typer.echo(f"devbox: removed volume {name}")
    for name in removed.networks:
        typer.echo(f"devbox: removed network {name}")
    where = f" in {config.place}" if removed.elsewhere else ""
    for name, why in removed.volumes_left:
        typer.echo(f"devbox: volume {name} stays: {why}")
    typer.echo(f"devbox: {config.project} is down{where}")
    if not removed.containers and (never := never_a_project(config)):
        typer.echo(f"devbox:   why: {never}")
        typer.echo(f"devbox:   try: {ELSEWHERE}")
    for root in removed.elsewhere:
        typer.echo(f"devbox: {root} runs under the same name and goes on; devbox down there ends it")
