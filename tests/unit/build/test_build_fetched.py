"""When BuildKit fetches the context, and when it is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from devbox.build import buildkit
from devbox.build.buildkit import BuildKitBuilder
from devbox.build.fetched import files_for, worth_fetching
from devbox.build.filesync import Listings
from devbox.build.job import BuildJob
from devbox.build.session import Files
from devbox.engine.fake import FakeBuild, FakeEngine
from devbox.engine.values import BuildRequest, SessionOffer
from devbox.errors import EngineRefused
from devbox.model import Entry, Image, Kind, Plan, Snapshot
from devbox.watch import Scanner


class _Proxied(FakeEngine):
    """Somebody between us and the engine lets no sessions through."""

    async def session(self, offer: SessionOffer, served: asyncio.Protocol) -> NoReturn:
        raise EngineRefused("cannot open a build session", cause="403")


def _job(root: Path) -> BuildJob:
    (root / "Dockerfile").write_text("FROM base\n")
    return BuildJob(
        number=1,
        tag="made",
        root=root,
        snapshot=Scanner(root).scan(),
        plan=Plan(""),
        dockerfile="Dockerfile",
        labels={},
    )


async def _sent(root: Path, engine: FakeEngine) -> tuple[BuildRequest, bytes]:
    seen: list[tuple[BuildRequest, bytes]] = []

    def answer(request: BuildRequest, context: bytes) -> Iterator[Mapping[str, object]] | tuple[()]:
        seen.append((request, context))
        return ()

    engine.builds = [FakeBuild(messages=answer)]  # type: ignore[arg-type] # gives none
    await BuildKitBuilder(engine, Listings()).build(_job(root), lambda _: None)
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


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[Files]:
    """What builds offer, from which BuildKit has begun to fetch."""
    offered: list[Files] = []

    async def begun(job: BuildJob, listings: Listings) -> Files | None:
        files = await files_for(job, listings)
        if files is not None:
            files.begun = True
            offered.append(files)
        return files

    monkeypatch.setattr(buildkit, "files_for", begun)
    return offered


async def _called_off(root: Path, engine: FakeEngine) -> asyncio.Task[Image]:
    asked = asyncio.Event()

    def heard(_request: BuildRequest, _context: bytes) -> tuple[()]:
        asked.set()
        return ()

    engine.builds = [FakeBuild(messages=heard, proceed=asyncio.Event())]
    task = asyncio.create_task(BuildKitBuilder(engine, Listings()).build(_job(root), lambda _: None))
    await asyncio.wait_for(asked.wait(), 10)
    task.cancel()
    return task


async def test_a_build_that_is_called_off_lets_the_fetching_end(tmp_path: Path, offered: list[Files]) -> None:
    engine = FakeEngine()
    task = await _called_off(tmp_path, engine)
    await asyncio.wait({task}, timeout=0.05)
    assert not task.done()
    assert not engine.cancelled
    offered[0].taken.set()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    assert len(engine.cancelled) == 1


async def test_but_not_for_ever(
    tmp_path: Path, offered: list[Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildkit, "_TAKEN_WITHIN", 0.01)
    task = await _called_off(tmp_path, FakeEngine())
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()


@pytest.mark.parametrize(
    ("files", "size", "version", "worth"),
    [
        (10, 1_000, "28.5.2+dfsg4", False),
        (10, 1_000, "20.10.24+dfsg1", True),
        (10, 100_000, "28.5.2", True),
        (100, 1_000, "28.5.2", True),
        (10, 1_000, "", True),
    ],
)
def test_a_small_context_is_sent_to_an_engine_that_unpacks_quickly(
    files: int, size: int, version: str, worth: bool
) -> None:
    entries = {f"f{number}": Entry(Kind.FILE, 0o644, "0" * 64, size) for number in range(files)}
    assert worth_fetching(Snapshot(entries, "digest"), version) is worth
