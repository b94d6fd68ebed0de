"""The client's end of the control API: one connection for each request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

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
from devbox.daemon.api.server import NAME
from devbox.daemon.lock import runtime_directory
from devbox.errors import DevboxError, UsageError
from devbox.events import Event, SessionStopped, from_json

_LONGEST_LINE = 16 * 1024 * 1024
_ANSWERS_WITHIN = 90.0
_GRACE = 30.0

_Answer = TypeVar("_Answer")


class Refused(DevboxError):
    """A running devbox refuses an order."""

    def __init__(self, what: str, *, cause: str = "", hint: str = "", exit_code: int = 1) -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.exit_code = exit_code  # type: ignore[misc]


class Client:
    """Asks the devbox that runs the project in `root`.

    Each call raises UsageError where none runs, Refused where it says no, and DevboxError where it does not
    answer in time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = runtime_directory(root) / NAME

    async def status(self) -> Status:
        return Status.model_validate(await self._ask("GET", "status"))

    async def rebuild(self, order: RebuildOrder) -> Begun:
        return Begun.model_validate(await self._ask("POST", "rebuild", order.model_dump()))

    async def restart(self) -> Begun:
        return Begun.model_validate(await self._ask("POST", "restart"))

    async def rollback(self, order: RollbackOrder) -> Begun:
        return Begun.model_validate(await self._ask("POST", "rollback", order.model_dump()))

    async def pause(self) -> Watching:
        return Watching.model_validate(await self._ask("POST", "pause"))

    async def resume(self) -> Watching:
        return Watching.model_validate(await self._ask("POST", "resume"))

    async def wait(self, order: WaitOrder) -> Waited:
        within = order.timeout + _GRACE
        return Waited.model_validate(await self._ask("POST", "wait", order.model_dump(), within))

    async def revisions(self) -> Revisions:
        return Revisions.model_validate(await self._ask("GET", "revisions"))

    async def stop(self) -> None:
        await self._ask("POST", "stop")

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """The events that are kept and each new one, until the session ends; who was let go for reading too
        slowly goes on with what is kept by then."""
        while True:
            began = after
            async with self._connection("GET", f"events/follow?after={after}") as reader:
                await self._head(reader)
                while line := await reader.readline():
                    event = from_json(line)
                    yield event
                    if isinstance(event, SessionStopped):
                        return
                    after = event.seq
            if after == began:
                # Nothing came: this one is ending.
                return

    async def _ask(
        self,
        method: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        within: float = _ANSWERS_WITHIN,
    ) -> Any:
        try:
            async with asyncio.timeout(within), self._connection(method, what, body) as reader:
                status = await self._head(reader)
                answer = json.loads(await reader.read())
        except TimeoutError as error:
            raise DevboxError(
                f"devbox does not answer within {within:.0f}s", hint="devbox down ends it"
            ) from error
        if status < 400:
            return answer
        if "what" not in answer:
            raise Refused(f"devbox refuses the order: {answer.get('detail', status)}", exit_code=2)
        raise Refused(**answer)

    @asynccontextmanager
    async def _connection(
        self, method: str, what: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[asyncio.StreamReader]:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path), limit=_LONGEST_LINE)
        except OSError as error:
            raise UsageError(
                f"no devbox runs {self._root}", hint="devbox up -d starts one in the background"
            ) from error
        content = json.dumps(body).encode() if body is not None else b""
        # HTTP/1.0: an answer ends where the connection does, however long it lasts.
        head = (
            f"{method} /v1/{what} HTTP/1.0\r\nHost: devbox\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + content)
            yield reader
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise DevboxError("devbox ended without an answer", hint="devbox status tells more") from error
        finally:
            writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> int:
        """The status of an answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1])
