"""One build session: gRPC served on a connection that the engine has turned round."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import h2.config
from grpclib.config import Configuration
from grpclib.const import Cardinality, Status
from grpclib.const import Handler as Method
from grpclib.encoding.proto import ProtoCodec
from grpclib.events import _DispatchServerEvents
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.protocol import Stream as H2Stream
from grpclib.server import Handler, Stream

from devbox.build.messages import INTEGER, TEXT, Field, declare
from devbox.engine.connections import Connected
from devbox.engine.protocol import Engine
from devbox.engine.values import SessionOffer
from devbox.errors import EngineRefused

__all__ = ["Services", "Session", "Stream", "open_session", "streaming", "unary", "unimplemented"]

# What BuildKit may call, by the path of the gRPC method.
Services = Mapping[str, Method]

_NAME = "devbox"
_BLOCK_ENDS_WITHIN = 1.0
_CALLS_END_WITHIN = 1.0
_EMPTY = declare("devbox.session", {"Empty": ()})["Empty"]
# A call that BuildKit gives up is no news; without a handler, Python would print it.
logging.getLogger("grpclib").addHandler(logging.NullHandler())


def unary(answer: Callable[[Any], Awaitable[Any]], request: type[Any], reply: type[Any]) -> Method:
    """A method that gives one message for one message; `answer` may raise GRPCError and nothing else."""

    async def call(stream: Stream[Any, Any]) -> None:
        message = await stream.recv_message()
        if message is not None:
            await stream.send_message(await answer(message))

    return Method(call, Cardinality.UNARY_UNARY, request, reply)


def streaming(
    converse: Callable[[Stream[Any, Any]], Awaitable[None]], request: type[Any], reply: type[Any]
) -> Method:
    """A method with a stream of messages both ways, for as long as `converse` runs."""
    return Method(converse, Cardinality.STREAM_STREAM, request, reply)


async def _decline(_stream: Stream[Any, Any]) -> NoReturn:
    raise GRPCError(Status.UNIMPLEMENTED, "not served here")


def unimplemented() -> Method:
    """A method that says, in a way that gRPC for Go understands, that it is none."""
    return Method(_decline, Cardinality.STREAM_STREAM, _EMPTY, _EMPTY)


# grpc.health.v1, the standard health checking protocol; BuildKit drops a session that fails it.
_HEALTH = declare(
    "devbox.health",
    {
        "HealthCheckRequest": (Field("service", 1, TEXT),),
        "HealthCheckResponse": (Field("status", 1, INTEGER),),
    },
)
_SERVING = 1


async def _healthy(_request: Any) -> Any:
    return _HEALTH["HealthCheckResponse"](status=_SERVING)


_ALWAYS: Services = {
    "/grpc.health.v1.Health/Check": unary(
        _healthy, _HEALTH["HealthCheckRequest"], _HEALTH["HealthCheckResponse"]
    )
}


class _Answering(Handler):
    """Handles calls, also those of methods that nobody serves: grpclib's own answer to them has no content
    type, which gRPC for Go takes for a broken connection."""

    def accept(
        self, stream: H2Stream, headers: list[tuple[str, str]], release_stream: Callable[[], Any]
    ) -> None:
        self.mapping.setdefault(dict(headers).get(":path", ""), unimplemented())
        super().accept(stream, headers, release_stream)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; `id` is what a build names it by."""

    id: str


@asynccontextmanager
async def open_session(engine: Engine, services: Services, shared_key: str = "") -> AsyncIterator[Session]:
    """A session on which BuildKit may call `services` while the block runs.

    Leaving the block ends it, and every call in it. Raises EngineRefused where the engine has no sessions,
    and out of the block, which is cancelled, where the connection breaks off: EngineUnreachable for an
    engine that is gone, EngineRefused otherwise.
    """
    served = {**_ALWAYS, **services}
    handler = _Answering(dict(served), ProtoCodec(), None, _DispatchServerEvents())
    offer = SessionOffer(uuid.uuid4().hex, _NAME, tuple(served), shared_key)
    unbroken = asyncio.timeout(None)
    connected = await engine.session(offer, H2Protocol(handler, Configuration().__for_server__(), _h2()))
    try:
        async with unbroken:
            watch = asyncio.create_task(_break(connected, unbroken))
            try:
                yield Session(offer.id)
            finally:
                watch.cancel()
    except TimeoutError as error:
        if not unbroken.expired():
            raise
        await engine.info()
        raise EngineRefused("the build session broke off", cause="the engine ended its connection") from error
    finally:
        await connected.close()
        handler.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CALLS_END_WITHIN):
                await handler.wait_closed()


async def _break(connected: Connected, unbroken: asyncio.Timeout) -> None:
    await connected.ended()
    # Where all of the engine's connections end, the build's own tells more of it.
    unbroken.reschedule(asyncio.get_running_loop().time() + _BLOCK_ENDS_WITHIN)


def _h2() -> h2.config.H2Configuration:
    return h2.config.H2Configuration(
        client_side=False,
        header_encoding="ascii",
        validate_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_inbound_headers=False,
        normalize_outbound_headers=False,
    )
