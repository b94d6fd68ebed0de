"""Build sessions: what BuildKit gets when it asks, and what happens when either side goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.protocol import H2Protocol

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.job import Asked
from devbox.build.messages import INTEGER, RAW, TEXT, Field, declare
from devbox.build.session import logins_service, open_session, secrets_service, unary
from devbox.engine.fake import FakeBuild, FakeEngine
from devbox.engine.values import BuildRequest, RegistryLogin
from devbox.errors import BuildFailed, ConfigError, EngineRefused, EngineUnreachable

from .traces import TRACE, Heard, Replay, job, trace, vertex, wire

BOUND = 5.0
SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
LOGIN = "/moby.filesync.v1.Auth/Credentials"
MESSAGES = declare(
    "test.session",
    {
        "Empty": (),
        "SecretRequest": (Field("ID", 1, TEXT),),
        "Secret": (Field("data", 1, RAW),),
        "LoginRequest": (Field("Host", 1, TEXT),),
        "Login": (Field("Username", 1, TEXT), Field("Secret", 2, TEXT)),
        "Health": (Field("status", 1, INTEGER),),
    },
)


class BuildKit(Channel):
    """A gRPC client on the engine's end of a session."""

    def __init__(self, peer: socket.socket) -> None:
        super().__init__()
        self._peer = peer

    async def _create_connection(self) -> H2Protocol:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(self._protocol_factory, sock=self._peer)
        return protocol

    async def ask(self, method: str, request: Any, reply: str) -> Any:
        """The answer to one call."""
        async with asyncio.timeout(BOUND):
            return await UnaryUnaryMethod(self, method, type(request), MESSAGES[reply])(request)

    async def refused(self, method: str) -> Status:
        """The status of a call that is not answered."""
        with pytest.raises(GRPCError) as raised:
            await self.ask(method, MESSAGES["Empty"](), "Empty")
        return raised.value.status


@asynccontextmanager
async def calling(engine: FakeEngine) -> AsyncIterator[BuildKit]:
    """BuildKit on the last session that was opened."""
    client = BuildKit(engine.sessions[-1].peer)
    try:
        yield client
    finally:
        client.close()


async def test_a_secret_is_given_by_its_id_and_no_other() -> None:
    engine = FakeEngine()
    async with open_session(engine, secrets_service({"token": b"\0value"})) as session:
        assert engine.sessions[0].offer.id == session.id
        async with calling(engine) as buildkit:
            answer = await buildkit.ask(SECRET, MESSAGES["SecretRequest"](ID="token"), "Secret")
            assert answer.data == b"\0value"
            with pytest.raises(GRPCError, match="secret other not found") as raised:
                await buildkit.ask(SECRET, MESSAGES["SecretRequest"](ID="other"), "Secret")
            assert raised.value.status is Status.NOT_FOUND


async def test_logins_are_those_of_the_user() -> None:
    engine = FakeEngine()
    engine.logins["registry.test:5000"] = RegistryLogin("dora", "pass")
    async with open_session(engine, logins_service(engine)), calling(engine) as buildkit:
        login = await buildkit.ask(LOGIN, MESSAGES["LoginRequest"](Host="registry.test:5000"), "Login")
        assert (login.Username, login.Secret) == ("dora", "pass")
        login = await buildkit.ask(LOGIN, MESSAGES["LoginRequest"](Host="elsewhere.test"), "Login")
        assert (login.Username, login.Secret) == ("", "")


class Unreadable(FakeEngine):
    """An engine whose user has a docker configuration that cannot be read."""

    async def login(self, registry: str) -> RegistryLogin | None:
        raise ConfigError(f"the login for {registry} cannot be read", cause="no JSON")


async def test_a_login_that_cannot_be_read_is_said() -> None:
    engine = Unreadable()
    async with open_session(engine, logins_service(engine)), calling(engine) as buildkit:
        with pytest.raises(GRPCError, match="the login for x cannot be read: no JSON"):
            await buildkit.ask(LOGIN, MESSAGES["LoginRequest"](Host="x"), "Login")


async def test_what_is_not_served_is_declined_in_words_that_go_understands() -> None:
    engine = FakeEngine()
    async with open_session(engine, logins_service(engine)), calling(engine) as buildkit:
        for method in ("/moby.filesync.v1.Auth/GetTokenAuthority", SECRET, "/no.such.Service/Method"):
            assert await buildkit.refused(method) is Status.UNIMPLEMENTED
        health = await buildkit.ask("/grpc.health.v1.Health/Check", MESSAGES["Empty"](), "Health")
        assert health.status == 1


async def test_the_offer_names_every_method() -> None:
    engine = FakeEngine()
    async with open_session(engine, secrets_service({}), shared_key="key"):
        offer = engine.sessions[0].offer
    assert offer.methods == ("/grpc.health.v1.Health/Check", SECRET)
    assert (offer.name, offer.shared_key) == ("devbox", "key")


async def test_leaving_ends_the_session_and_what_is_asked_on_it() -> None:
    engine = FakeEngine()
    began, ended = asyncio.Event(), asyncio.Event()

    async def never(_request: Any) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    method = unary(never, MESSAGES["Empty"], MESSAGES["Empty"])
    async with asyncio.timeout(BOUND):
        async with open_session(engine, {"/a/b": method}):
            client = BuildKit(engine.sessions[0].peer)
            asking = asyncio.create_task(client.ask("/a/b", MESSAGES["Empty"](), "Empty"))
            await began.wait()
        await engine.sessions[0].ended()
        await ended.wait()
        with pytest.raises((OSError, GRPCError, StreamTerminatedError)):
            await asking
    client.close()


@pytest.mark.parametrize(("gone", "error"), [(False, EngineRefused), (True, EngineUnreachable)])
async def test_a_session_that_breaks_off_ends_what_needs_it(gone: bool, error: type[Exception]) -> None:
    engine = FakeEngine()

    async def breaks_off() -> None:
        async with asyncio.timeout(BOUND), open_session(engine, {}):
            if gone:
                engine.lose()
            else:
                engine.sessions[0].break_off()
            await asyncio.Event().wait()

    with pytest.raises(error):
        await breaks_off()


async def test_an_error_of_the_block_is_its_own() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with open_session(FakeEngine(), {}):
            raise TimeoutError("mine")


IMAGE: Mapping[str, object] = {"id": "moby.image.id", "aux": {"ID": "sha256:1"}}


async def test_a_build_that_asks_for_nothing_opens_no_session() -> None:
    engine = Replay([IMAGE])
    await BuildKitBuilder(engine).build(job(), Heard())
    assert engine.requests[0].session == ""
    assert engine.sessions == []


class Asking(FakeEngine):
    """An engine whose builds ask for the secret `token` before they end."""

    def __init__(self) -> None:
        super().__init__()
        self.told = b""

    async def build(
        self, request: BuildRequest, context: Iterator[bytes]
    ) -> AsyncGenerator[Mapping[str, object], None]:
        assert request.session == self.sessions[-1].offer.id
        async with calling(self) as buildkit:
            answer = await buildkit.ask(SECRET, MESSAGES["SecretRequest"](ID="token"), "Secret")
        self.told = answer.data
        yield IMAGE


async def test_a_build_gets_its_secrets_on_a_session_of_its_own() -> None:
    engine = Asking()
    for number in (1, 2):
        asked = Asked(session=True, secrets={"token": f"v{number}".encode()})
        await BuildKitBuilder(engine).build(job(asked=asked), Heard())
        assert engine.told == f"v{number}".encode()
    assert len({session.offer.id for session in engine.sessions}) == 2


async def test_values_of_secrets_are_shown_nowhere() -> None:
    name = "[2/2] RUN cat /run/secrets/token"
    running = vertex(name, started=1.0)
    failed = vertex(name, started=1.0, completed=2.0, error="hunter2 broke it")
    engine = Replay(
        [
            {
                "id": TRACE,
                "aux": wire(trace(running, logs=[(name, 1, b"it is hun"), (name, 1, b"ter2!\nmore")])),
            },
            {"id": TRACE, "aux": wire(trace(failed))},
            {"error": "hunter2 broke it"},
        ]
    )
    heard = Heard()
    asked = Asked(session=True, secrets={"token": b"hunter2\n"})
    with pytest.raises(BuildFailed) as raised:
        await BuildKitBuilder(engine).build(job(asked=asked), heard)
    assert raised.value.log == ("it is ***!", "more")
    assert raised.value.cause == "*** broke it"
    assert "hunter2" not in f"{heard.events}{asked}{engine.requests}"


@pytest.mark.parametrize("end", ["broken off", "cancelled"])
async def test_a_build_and_its_session_end_together(end: str) -> None:
    engine = FakeEngine()
    began = asyncio.Event()

    def begin(_request: BuildRequest, _context: bytes) -> list[Mapping[str, object]]:
        began.set()
        return []

    engine.builds = [FakeBuild(begin, proceed=asyncio.Event())]
    building = asyncio.create_task(BuildKitBuilder(engine).build(job(asked=Asked(session=True)), Heard()))
    async with asyncio.timeout(BOUND):
        await began.wait()
        if end == "cancelled":
            building.cancel()
            with pytest.raises(asyncio.CancelledError):
                await building
        else:
            engine.sessions[0].break_off()
            with pytest.raises(EngineRefused, match="the build session broke off"):
                await building
        await engine.sessions[0].ended()
    assert len(engine.cancelled) == 1
