"""A second window on a running devbox: the same events, shown by a renderer of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devbox.config import load
from devbox.daemon.api import SOCKET
from devbox.daemon.api.client import Client
from devbox.daemon.api.models import Status, WaitOrder
from devbox.daemon.inforce import in_force
from devbox.daemon.lock import holder, runtime_directory
from devbox.errors import EXIT_INTERRUPTED, AlreadyRunning
from devbox.report import Renderer
from devbox.report.failure import PREFIX
from devbox.report.ticking import ticking
from devbox.report.waited import waited_lines

_SERVES_WITHIN = 600.0
_ANSWERS_WITHIN = 30.0
_LOOK_EVERY = 0.05
_LEAVE, _STOP = "d", "s"
_CHOICES = {_LEAVE: "detach", _STOP: "stop it"}


async def refuse_other_settings(
    client: Client, root: Path, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> Status:
    """How the project stands; raises AlreadyRunning where flags were given that the running devbox was not
    started with. One that is just beginning is waited for, 30 seconds at most."""
    await _begun(runtime_directory(root))
    status = await client.status()
    if any(flags.values()):
        asked, running = load(root, flags, environ), await in_force(root)
        others = running.beside(asked) if running is not None else ()
        if others:
            raise AlreadyRunning(
                f"another devbox runs this project with other settings: {', '.join(others)}",
                cause=f"process {status.pid}",
                hint="devbox config tells them; devbox up without flags shows that one, devbox down ends it",
            )
    return status


async def _begun(directory: Path) -> None:
    """Returns once the devbox that has the project's lock can be asked, or is none any more."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ANSWERS_WITHIN):
            # Only its lock and its socket tell.
            while holder(directory) is not None and not (directory / SOCKET).exists():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_EVERY)


async def until_served(
    root: Path,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    say: Callable[[str], None],
    *,
    wait: bool,
) -> int:
    """What `up -d` returns where a devbox runs the project already: 0 once what is on disk serves, 1 where it
    cannot; raises as `attach` does."""
    client = Client(root)
    status = await refuse_other_settings(client, root, flags, environ)
    say(f"{PREFIX}{status.project} is running already (process {status.pid})")
    if not wait:
        return 0
    waited = await client.wait(WaitOrder(timeout=_SERVES_WITHIN))
    for line in waited_lines(waited, _SERVES_WITHIN):
        say(line)
    return 0 if waited.result == "serving" else 1


async def attach(
    root: Path, flags: Mapping[str, Any], environ: Mapping[str, str], shown: Renderer, *, asks: bool
) -> int:
    """Shows what the devbox that runs the project says, from its beginning on, until it ends, somebody
    leaves, or nobody reads.

    With `asks` Ctrl-C asks whether to leave or to stop it, else it leaves; that devbox goes on then. Returns
    the exit code; raises what its API raises, and AlreadyRunning for flags of other settings.
    """
    client = Client(root)
    status = await refuse_other_settings(client, root, flags, environ)
    with _interrupted() as interrupted:
        async with ticking(shown, interrupted.set):
            showing = asyncio.create_task(_show(client, shown))
            try:
                while not await _either(showing, interrupted):
                    choice = await _choice(shown, interrupted) if asks and not shown.closed else _LEAVE
                    if choice == _STOP:
                        await client.stop()
                    elif choice == _LEAVE:
                        shown.last_word(f"left; devbox goes on (process {status.pid}); devbox down ends it")
                        return 0 if asks else EXIT_INTERRUPTED
                await showing
                return 0
            finally:
                showing.cancel()
                await asyncio.wait({showing})


async def _either(showing: asyncio.Task[None], interrupted: asyncio.Event) -> bool:
    """True once all is shown, False once somebody interrupts."""
    waiting = asyncio.create_task(interrupted.wait())
    await asyncio.wait({showing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return showing.done()


async def _choice(shown: Renderer, interrupted: asyncio.Event) -> str:
    """What somebody who interrupted wants, '' for nothing after all; a second Ctrl-C leaves."""
    interrupted.clear()
    asking = asyncio.ensure_future(shown.ask("devbox goes on without this window", _CHOICES))
    again = asyncio.create_task(interrupted.wait())
    await asyncio.wait({asking, again}, return_when=asyncio.FIRST_COMPLETED)
    choice = asking.result() if asking.done() else _LEAVE
    for task in (asking, again):
        task.cancel()
    interrupted.clear()
    return choice


async def _show(client: Client, shown: Renderer) -> None:
    async for event in client.follow():
        shown(event)


@contextmanager
def _interrupted() -> Iterator[asyncio.Event]:
    """Set by Ctrl-C, and by a terminal that closes."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
