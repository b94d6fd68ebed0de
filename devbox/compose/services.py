"""The services beside the developed one: brought up by Compose, waited for, and stopped by it when asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devbox.compose.program import Program
from devbox.compose.turns import turn
from devbox.compose.values import Compose
from devbox.errors import ServicesFailed

_READY_WITHIN = 600.0
_ANSWERS_WITHIN = 30.0
_ENDS_WITHIN = 120.0
_ASK_AGAIN = 0.3
_SHOWN_LINES = 20
_PENDING = {"created", "restarting", "starting"}


@dataclass(frozen=True, slots=True)
class State:
    """One container of a service as Compose tells it: `state` ("running", "exited", …), `health` ('' without
    a check) and the exit status of one that ended."""

    service: str
    state: str
    health: str = ""
    exit_status: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Which services are ready, which are waited for, and what is wrong with those that never will be."""

    waiting: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def standing(states: Collection[State], services: Sequence[str], jobs: Collection[str]) -> Standing:
    """How `services` stand; one that ended with status 0 is done, and one of `jobs` is to do so. Pure."""
    waiting, failed = [], []
    for service in services:
        for state in [state for state in states if state.service == service]:
            if state.state in {"exited", "dead"} and state.exit_status:
                failed.append((service, f"exited with status {state.exit_status}"))
            elif state.health == "unhealthy" and state.state == "running":
                failed.append((service, "is unhealthy"))
            elif state.state in _PENDING or (
                # One that is just ending runs still, as Compose tells it, and has a status already.
                state.state == "running"
                and (service in jobs or state.health == "starting" or state.exit_status)
            ):
                waiting.append(service)
    return Standing(tuple(dict.fromkeys(waiting)), tuple(dict(failed).items()))


class Services:
    """Starts and stops the other services of one compose project."""

    def __init__(self, root: Path, compose: Compose, environ: Mapping[str, str]) -> None:
        self._root, self._compose = root, compose
        self._program = Program(root, compose.command, environ)

    async def bring_up(self, services: Sequence[str], told: Callable[[str], None]) -> None:
        """Has `services` run and waits until each is healthy, or done where it is to end; each line that
        Compose writes is `told`. Raises ServicesFailed with what one of them wrote last."""
        if not services:
            return
        deadline = time.monotonic() + _READY_WITHIN
        starting = ("--progress", "plain", "up", "--detach", "--no-deps", *services)
        # Two at once would both find a container missing, and the second one its name taken.
        async with turn(self._root, _READY_WITHIN):
            status, lines = await self._program.run(starting, _READY_WITHIN, told)
        while True:
            found = standing(await self._states(services), services, self._compose.jobs)
            if found.failed:
                raise await self._failure(*found.failed[0])
            if status:
                raise ServicesFailed("docker compose up failed", cause=lines[-1] if lines else "", log=lines)
            if not found.waiting:
                return
            if time.monotonic() > deadline:
                raise await self._failure(found.waiting[0], f"is not ready after {_READY_WITHIN:.0f} s")
            await asyncio.sleep(_ASK_AGAIN)

    async def down(self, *, volumes: bool) -> None:
        """Stops and removes what Compose runs, of whatever profile, with `volumes` also their data; raises
        ServicesFailed."""
        # Which profiles a flag named when they were brought up is known no more.
        profiles = ("--profile", "*")
        arguments = (*profiles, "--progress", "plain", "down", *(("--volumes",) if volumes else ()))
        status, lines = await self._program.run(arguments, _ENDS_WITHIN)
        if status:
            raise ServicesFailed("docker compose down failed", cause=lines[-1] if lines else "", log=lines)

    async def _states(self, services: Sequence[str]) -> tuple[State, ...]:
        status, lines = await self._program.run(
            ("ps", "--all", "--format", "json", *services), _ANSWERS_WITHIN
        )
        if status:
            raise ServicesFailed("docker compose ps failed", cause=lines[-1] if lines else "")
        # One object a line; before Compose 2.21 one list.
        read = [json.loads(line) for line in lines if line.startswith(("{", "["))]
        found = [item for value in read for item in (value if isinstance(value, list) else [value])]
        return tuple(
            State(item["Service"], item["State"], item.get("Health") or "", int(item.get("ExitCode") or 0))
            for item in found
        )

    async def _failure(self, service: str, what: str) -> ServicesFailed:
        arguments = ("logs", "--no-color", "--no-log-prefix", "--tail", str(_SHOWN_LINES), service)
        _, log = await self._program.run(arguments, _ANSWERS_WITHIN)
        return ServicesFailed(
            f"service '{service}' of {self._compose.file} {what}",
            log=log,
            hint=f"docker compose logs {service} shows all that it wrote",
        )
