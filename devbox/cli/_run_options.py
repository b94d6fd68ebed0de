"""The options of `up` that `docker run` has too, with its letters, and the command after `--`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

AFTER_DASHES = "devbox.command"

Networks = Annotated[
    list[str] | None,
    typer.Option("--network", metavar="NETWORK", help="Be in NAME, or name=NAME,alias=ALIAS."),
]
NetworkAliases = Annotated[
    list[str] | None,
    typer.Option("--network-alias", metavar="NAME", help="Be found in its networks by this name too."),
]
Tmpfs = Annotated[
    list[str] | None,
    typer.Option("--tmpfs", metavar="TARGET", help="Mount a file system in memory: TARGET[:OPTIONS]."),
]
Memory = Annotated[
    str | None, typer.Option("-m", "--memory", metavar="SIZE", help="Limit of memory: 512m, 1g.")
]
Cpus = Annotated[
    float | None, typer.Option("--cpus", min=0, metavar="NUMBER", help="Limit of processors: 1.5.")
]
Restart = Annotated[
    str | None,
    typer.Option(
        "--restart", metavar="POLICY", help="Docker restarts: no, always, unless-stopped, on-failure[:N]."
    ),
]
User = Annotated[str | None, typer.Option("-u", "--user", metavar="USER", help="Run as USER[:GROUP].")]
Workdir = Annotated[
    str | None, typer.Option("-w", "--workdir", metavar="FOLDER", help="Run in this folder of the container.")
]
Entrypoint = Annotated[
    str | None,
    typer.Option("--entrypoint", metavar="PROGRAM", help="Run this in the place of the image's ENTRYPOINT."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Worker processes of the server.")
]
AddHost = Annotated[
    list[str] | None, typer.Option("--add-host", metavar="NAME:ADDRESS", help="Add a line to /etc/hosts.")
]
StopSignal = Annotated[
    str | None, typer.Option("--stop-signal", metavar="SIGNAL", help="Signal that asks it to stop.")
]
StopTimeout = Annotated[
    float | None, typer.Option("--stop-timeout", min=0, metavar="SECONDS", help="Time it has to stop.")
]
Labels = Annotated[
    list[str] | None, typer.Option("-l", "--label", metavar="NAME=VALUE", help="Label the container.")
]
HealthCmd = Annotated[
    str | None, typer.Option("--health-cmd", metavar="COMMAND", help="Check its health with this command.")
]
HealthInterval = Annotated[
    str | None, typer.Option("--health-interval", metavar="TIME", help="Time between two checks: 5s, 1m30s.")
]
HealthTimeout = Annotated[
    str | None, typer.Option("--health-timeout", metavar="TIME", help="Time that a check may take.")
]
HealthStartPeriod = Annotated[
    str | None,
    typer.Option("--health-start-period", metavar="TIME", help="Time in which failed checks do not count."),
]
HealthRetries = Annotated[
    int | None,
    typer.Option("--health-retries", min=1, metavar="N", help="Failed checks that make it unhealthy."),
]
NoHealthcheck = Annotated[bool, typer.Option("--no-healthcheck", help="Leave the image's HEALTHCHECK out.")]


class WithCommand(TyperCommand):
    """A verb that takes whatever comes after `--` as a command, and nothing of it as its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What stands before `--`; what comes after it is in `ctx.meta`."""
        if "--" in args:
            place = args.index("--")
            args, ctx.meta[AFTER_DASHES] = args[:place], tuple(args[place + 1 :])
        return super().parse_args(ctx, args)
