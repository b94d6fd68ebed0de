"""What the keys of a live screen ask of the devbox that it shows: the same as the verbs, the same way."""

from __future__ import annotations

import asyncio
import signal
import webbrowser
from collections.abc import Callable
from pathlib import Path

from devbox.daemon.api.client import Client
from devbox.daemon.api.models import RebuildOrder, RollbackOrder
from devbox.errors import DevboxError
from devbox.report import Action


class Keypresses:
    """Carries out one action after the other, beside whatever shows the screen; what is refused goes to
    `say`, which may be set later."""

    def __init__(self, root: Path) -> None:
        self._client = Client(root)
        self._task: asyncio.Task[None] | None = None
        self.say: Callable[[str], None] = lambda _: None

    def __call__(self, action: Action) -> None:
        """Begins what a key asks for; while another one is being begun, nothing."""
        if action is Action.QUIT:
            # As Ctrl-C does, with all that belongs to it.
            signal.raise_signal(signal.SIGINT)
        elif self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._carry_out(action))

    async def _carry_out(self, action: Action) -> None:
        try:
            await self._order(action)
        except DevboxError as error:
            self.say(str(error))

    async def _order(self, action: Action) -> None:
        match action:
            case Action.REBUILD:
                await self._client.rebuild(RebuildOrder(no_cache=False, pull=False))
            case Action.ROLLBACK:
                await self._client.rollback(RollbackOrder(revision=0))
            case Action.PAUSE:
                paused = (await self._client.status()).paused
                await (self._client.resume() if paused else self._client.pause())
            case _:
                urls = (await self._client.status()).urls
                if urls:
                    await asyncio.to_thread(webbrowser.open, urls[0])
