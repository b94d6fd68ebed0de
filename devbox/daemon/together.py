"""Several services of a compose file, each developed by a devbox of its own, in one terminal."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from devbox.errors import EXIT_INTERRUPTED, UsageError

INSTANCE = "--instance"
_ENDS_WITHIN = 60.0
_LONGEST_LINE = 16 * 1024 * 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What is one container's, as it is typed.
_ONE_ALONE = {
    "ports": "-p",
    "volumes": "-v",
    "dockerfile": "--dockerfile",
    "target": "--target",
    "network_aliases": "--network-alias",
    "user": "-u",
    "workdir": "-w",
    "workers": "--workers",
    "health_cmd": "--health-cmd",
    "command": "a command after --",
    "debug_port": "--debug-port",
    "debug": "--debug",
    "live": "--output live",
}


def refuse_flags_of_one(flags: Mapping[str, Any], services: Sequence[str]) -> None:
    """Raises UsageError where `flags`, fields of Settings and "live", ask for what only one can have."""
    given = [typed for name, typed in _ONE_ALONE.items() if flags.get(name)]
    if given:
        raise UsageError(
            f"{given[0]} is for one service, and there are {len(services)}: {', '.join(services)}",
            hint=f"name one: devbox up .:{services[0]}, in the folder also :{services[0]}",
        )


async def run_together(
    arguments: Sequence[str],
    services: Sequence[str],
    put: Callable[[str], None],
    put_error: Callable[[str], None],
    *,
    jsonl: bool,
) -> int:
    """Runs `devbox` with these arguments once for each of `services` until all have ended, and `put`s each
    line that they write, with the service in front, or with `jsonl` as a field of the event.

    Signals are theirs: each is passed on, and waited for. One that fails leaves the others alone; returns the
    highest of the exit codes. BrokenPipeError of `put` means that nobody reads: all are ended.
    """
    own = arguments.index("--") if "--" in arguments else len(arguments)
    output = ("--output", "jsonl" if jsonl else "plain")
    running: list[asyncio.subprocess.Process] = []
    with _passing_on(running) as asked:
        for service in services:
            if asked:
                break
            running.append(
                await asyncio.create_subprocess_exec(
                    # -P: no module of the user's project may stand in for one of ours.
                    *(sys.executable, "-P", "-m", "devbox", *arguments[:own], *output, INSTANCE, service),
                    *arguments[own:],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    # A Ctrl-C comes from here, and not from the terminal as well: two mean "at once".
                    start_new_session=True,
                    limit=_LONGEST_LINE,
                )
            )
        width = max(map(len, services))
        following = [
            _follow(stream, where, labelled)
            for process, service in zip(running, services, strict=False)
            for stream, where, labelled in (
                (process.stdout, put, partial(labelled_json if jsonl else in_front, service, width)),
                (process.stderr, put_error, partial(in_front, service, width)),
            )
            if stream is not None
        ]
        try:
            await asyncio.gather(*following)
        except BaseException as error:
            _tell(running, signal.SIGTERM)
            if not isinstance(error, BrokenPipeError):
                raise
            return 0
        finally:
            await asyncio.gather(*map(_end, running))
    codes = (process.returncode or 0 for process in running)
    return max((code if code >= 0 else 128 - code for code in codes), default=EXIT_INTERRUPTED)


def in_front(service: str, width: int, line: str) -> str:
    """A line with the service that wrote it, as docker compose shows it."""
    return f"{service:{width}} | {line}"


def labelled_json(service: str, width: int, line: str) -> str:
    """A JSON object with the service as a field; what is none is shown as a line."""
    try:
        told = json.loads(line)
    except ValueError:
        return in_front(service, width, line)
    return json.dumps({**told, "service": service}, ensure_ascii=False, separators=(",", ":"))


async def _follow(
    stream: asyncio.StreamReader, put: Callable[[str], None], labelled: Callable[[str], str]
) -> None:
    async for line in stream:
        put(labelled(line.decode(errors="replace").rstrip("\n")))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Sees a process to its end."""
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _tell(running: Sequence[asyncio.subprocess.Process], number: int) -> None:
    for process in running:
        if process.returncode is None:
            process.send_signal(number)


@contextmanager
def _passing_on(running: Sequence[asyncio.subprocess.Process]) -> Iterator[list[int]]:
    """Sends each signal that asks this process to end on to all that run; the signals so far."""
    loop, asked = asyncio.get_running_loop(), list[int]()

    def pass_on(number: int) -> None:
        asked.append(number)
        _tell(running, number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, pass_on, number)
    try:
        yield asked
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
