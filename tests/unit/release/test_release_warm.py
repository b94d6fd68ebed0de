"""How a standby takes over: the ports first, the name after them, and both or neither."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from devbox.engine.fake import FakeEngine
from devbox.engine.values import ContainerFacts
from devbox.errors import Conflict
from devbox.model import Staging
from devbox.release.strategies import Hooks
from devbox.release.warm import Booted, warm

from .kit import SERVES, spec, started


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    yield engine
    await engine.close()


def hooks(flips: list[str]) -> Hooks:
    async def confirm() -> None:
        assert not flips

    async def flip(container: ContainerFacts) -> None:
        flips.append(container.id)

    return Hooks(started=lambda _: None, confirm=confirm, flip=flip)


async def facts_of(engine: FakeEngine, container: str) -> ContainerFacts:
    facts = await engine.container(container)
    assert facts is not None
    return facts


async def test_a_standby_that_serves_has_the_name_of_its_revision(engine: FakeEngine) -> None:
    former, _ = await started(engine, SERVES, name="devbox-shop-r1")
    standby, _ = await started(engine, SERVES, name="devbox-shop-standby-1")
    flips: list[str] = []
    booted = Booted(await facts_of(engine, standby), 0.1, 0.2)
    release = spec(engine, SERVES, name="devbox-shop-r2")
    handover = await warm(engine, booted, Staging(), release, hooks(flips), former)
    assert flips == [standby]
    assert handover.container == await facts_of(engine, standby)
    assert handover.container.name == "devbox-shop-r2"


async def test_where_the_name_cannot_be_given_the_former_revision_serves_on(engine: FakeEngine) -> None:
    former, _ = await started(engine, SERVES, name="devbox-shop-r1")
    standby, _ = await started(engine, SERVES, name="devbox-shop-standby-1")
    await started(engine, SERVES, name="devbox-shop-r2")
    flips: list[str] = []
    booted = Booted(await facts_of(engine, standby), 0.1, 0.2)
    release = replace(spec(engine, SERVES, name="devbox-shop-r3"), name="devbox-shop-r2")
    with pytest.raises(Conflict):
        await warm(engine, booted, Staging(), release, hooks(flips), former)
    assert flips == [standby, former]
