"""What a request may take of a devbox, whoever sends it: so many bytes, within so many seconds."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_BYTES = 64 * 1024
WHOLE_WITHIN = 10.0


class Bounded:
    """An application whose requests' bodies end: one that is longer than 64 KiB is answered 413, one that is
    not whole within 10 seconds 408."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, _Body(receive) if scope["type"] == "http" else receive, send)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + WHOLE_WITHIN
        self._left = _MOST_BYTES
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:
            # What comes next is the end of the connection, which may take as long as the answer.
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408) from error
        self._left -= len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._left < 0:
            raise HTTPException(413)
        return message
