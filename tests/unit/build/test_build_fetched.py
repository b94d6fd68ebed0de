"""When BuildKit fetches the context, and when it is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from devbox.build.buildkit import BuildKitBuilder
from devbox.build.filesync import Listings
from devbox.build.job import BuildJob
from devbox.engine.fake import FakeBuild, FakeEngine
from devbox.engine.protocol import BuildRequest, SessionOffer
from devbox.errors import EngineRefused
from devbox.model import Plan
from devbox.watch import Scanner


class _Proxied(FakeEngine):
    """Somebody between us and the engine lets no sessions through."""

    async def session(self, offer: SessionOffer, served: asyncio.Protocol) -> NoReturn:
        raise EngineRefused("cannot open a build session", cause="403")


async def _sent(root: Path, engine: FakeEngine, **extra: bytes) -> tuple[BuildRequest, bytes]:
    (root / "Dockerfile").write_text("FROM base\n")
    seen: list[tuple[BuildRequest, bytes]] = []

    def answer(request: BuildRequest, context: bytes) -> Iterator[Mapping[str, object]] | tuple[()]:
        seen.append((request, context))
        return ()

    engine.builds = [FakeBuild(messages=answer)]  # type: ignore[arg-type] # gives none
    job = BuildJob(
        number=1,
        tag="made",
        root=root,
        snapshot=Scanner(root).scan(),
        plan=Plan(""),
        dockerfile="Dockerfile",
        labels={},
        extra=extra,
    )
    await BuildKitBuilder(engine, Listings()).build(job, lambda _: None)
    return seen[0]


async def test_it_is_fetched_on_a_session_of_the_build_itself(tmp_path: Path) -> None:
    engine = FakeEngine()
    first, context = await _sent(tmp_path, engine)
    assert (first.fetches, context) == (True, b"")
    second, _ = await _sent(tmp_path, engine)
    offers = [session.offer for session in engine.sessions]
    assert [offer.id for offer in offers] == [first.session, second.session]
    assert first.session != second.session
    assert offers[0].shared_key == offers[1].shared_key
    (tmp_path / "other").mkdir()
    await _sent(tmp_path / "other", engine)
    assert engine.sessions[2].offer.shared_key != offers[0].shared_key


async def test_names_that_are_no_text_are_sent(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).touch()
    request, context = await _sent(tmp_path, FakeEngine())
    assert not request.fetches
    assert b"\xff" in context


async def test_without_sessions_all_is_sent(tmp_path: Path) -> None:
    request, context = await _sent(tmp_path, _Proxied())
    assert (request.fetches, request.session) == (False, "")
    assert b"FROM base" in context
