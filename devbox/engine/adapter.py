"""An engine at one address and the threads that carry its calls: what every call of the adapter needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from docker import APIClient

from devbox.engine.address import Address
from devbox.engine.calls import Calls
from devbox.engine.translate import translated
from devbox.engine.transport import Transport
from devbox.errors import EngineUnreachable

T = TypeVar("T")
P = ParamSpec("P")

_INFO_SECONDS = 5.0


class Adapter:
    """Runs blocking work on the threads of `_calls`, with the engine's errors translated."""

    def __init__(self, address: Address, api: str) -> None:
        self._address = address
        self._calls = Calls()
        self._transport = Transport(address, api)

    async def _do(
        self, what: str, work: Callable[Concatenate[APIClient, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def translating() -> T:
            with translated(what, self._address.url):
                return work(self._transport.client, *args, **kwargs)

        return await self._calls.run(translating)

    async def _soon(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(_INFO_SECONDS):
                return await self._calls.run(work)
        except TimeoutError as error:
            raise EngineUnreachable(
                f"no engine answers at {self._address.url}",
                cause=f"it said nothing within {_INFO_SECONDS:g} seconds",
                hint="is it still starting, or the machine overloaded?",
            ) from error
