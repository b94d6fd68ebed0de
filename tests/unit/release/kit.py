"""Containers of the fake engine to release, and servers that behave in ways of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from devbox.engine.fake import Behaviour, FakeEngine
from devbox.engine.values import ContainerSpec, EngineInfo
from devbox.model import LABEL_PROJECT, LABEL_REVISION

INFO = EngineInfo("Fake", "1.0", "1.51", "fake://", True, True)
PUBLISHED = replace(INFO, reaches_containers=False)
# The fake engine's addresses are those of every test run on this machine; its port is this one's own.
PORT = 20_000 + os.getpid() % 10_000
SERVES = Behaviour(port=PORT)
SILENT = Behaviour(port=PORT, listens=False)
BOUND = 10.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def spec(
    engine: FakeEngine, behaviour: Behaviour, name: str = "devbox-shop-r1", **more: Any
) -> ContainerSpec:
    """A container of the project "shop" out of an image that behaves like this."""
    image = engine.add_image(f"{name}:1", behaviour)
    fields: dict[str, Any] = {"labels": {LABEL_PROJECT: "shop", LABEL_REVISION: "1"}, **more}
    return ContainerSpec(name=name, image=image, **fields)


async def started(engine: FakeEngine, behaviour: Behaviour, **more: Any) -> tuple[str, str]:
    """Id and address of a container that runs."""
    container = await engine.create(spec(engine, behaviour, **more))
    await engine.start(container)
    facts = await engine.container(container)
    assert facts is not None
    return container, facts.address


@asynccontextmanager
async def serving(host: str, serve: Serve, port: int = PORT) -> AsyncIterator[None]:
    """A server that treats each connection its own way."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, host, port)
    try:
        yield
    finally:
        server.close()


def answering(*heads: bytes) -> Serve:
    """Answers each request with the next of these, the last one for good; b"" hangs up."""
    left = list(heads)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return serve


def http(status: int) -> bytes:
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode()
