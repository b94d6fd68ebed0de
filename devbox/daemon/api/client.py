"""The client's end of the control API, in its own models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from devbox.daemon.api.ask import ask, connection, head
from devbox.daemon.api.models import (
    Begun,
    RebuildOrder,
    Revisions,
    RollbackOrder,
    Status,
    Waited,
    WaitOrder,
    Watching,
)
from devbox.daemon.lock import runtime_directory
from devbox.events import Event, SessionStopped, from_json

_GRACE = 30.0


class Client:
    """Asks the devbox that runs the project in `root`; each call raises what `ask` raises."""

    def __init__(self, root: Path) -> None:
        self._directory = runtime_directory(root)

    async def status(self) -> Status:
        """How the project stands."""
        return Status.model_validate(await ask(self._directory, "GET", "status"))

    async def rebuild(self, order: RebuildOrder) -> Begun:
        """Builds what is on disk though nothing changed."""
        return Begun.model_validate(await ask(self._directory, "POST", "rebuild", order.model_dump()))

    async def restart(self) -> Begun:
        """Lets a new container of what serves take over."""
        return Begun.model_validate(await ask(self._directory, "POST", "restart"))

    async def rollback(self, order: RollbackOrder) -> Begun:
        """Lets an older revision serve again, until the next save."""
        return Begun.model_validate(await ask(self._directory, "POST", "rollback", order.model_dump()))

    async def pause(self) -> Watching:
        """Changes on disk lead to nothing from now on."""
        return Watching.model_validate(await ask(self._directory, "POST", "pause"))

    async def resume(self) -> Watching:
        """Changes on disk are built again, also those made meanwhile."""
        return Watching.model_validate(await ask(self._directory, "POST", "resume"))

    async def wait(self, order: WaitOrder) -> Waited:
        """Waits until what is on disk serves, or cannot, or the order's time is over."""
        answer = await ask(self._directory, "POST", "wait", order.model_dump(), order.timeout + _GRACE)
        return Waited.model_validate(answer)

    async def revisions(self) -> Revisions:
        """The revisions that can be rolled back to."""
        return Revisions.model_validate(await ask(self._directory, "GET", "revisions"))

    async def stop(self) -> None:
        """Ends the session as Ctrl-C does."""
        await ask(self._directory, "POST", "stop")

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """The events that are kept and each new one, until the session ends; who was let go for reading too
        slowly goes on with what is kept by then."""
        while True:
            began = after
            async with connection(self._directory, "GET", f"events/follow?after={after}") as reader:
                await head(reader)
                while line := await reader.readline():
                    event = from_json(line)
                    yield event
                    if isinstance(event, SessionStopped):
                        return
                    after = event.seq
            if after == began:
                # Nothing came: this one is ending.
                return
