"""The fake engine against the contract, and what tests can make it do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from devbox.engine.fake import Behaviour, FakeBuild, FakeEngine
from devbox.engine.values import BuildRequest, ContainerSpec, LogLine
from devbox.errors import EngineUnreachable, PortTaken
from devbox.model import LABEL_PROJECT, PortMapping
from tests.contract.engine_contract import EngineContract, fetch, tar_of
from tests.contract.run_contract import RunContract


@dataclass
class FakeLab:
    engine: FakeEngine = field(default_factory=FakeEngine)
    project: str = "fake"

    async def image(self, behaviour: Behaviour) -> str:
        tag = f"devbox-test/fake:{len(await self.engine.images(self.project))}"
        self.engine.add_image(tag, behaviour, {LABEL_PROJECT: self.project})
        return tag

    def context(self, behaviour: Behaviour) -> Iterator[bytes]:
        self.engine.builds = [FakeBuild(behaviour=behaviour)]
        yield tar_of({"Dockerfile": "FROM nothing\n"})

    def broken_context(self) -> Iterator[bytes]:
        self.engine.builds = [FakeBuild([{"error": "exit code: 1"}])]
        yield tar_of({"Dockerfile": "FROM nothing\nRUN false\n"})


@pytest.fixture
async def lab() -> AsyncIterator[FakeLab]:
    lab = FakeLab()
    yield lab
    await lab.engine.close()


class TestFakeEngine(EngineContract, RunContract):
    """The fake keeps every promise that the real engine keeps."""


async def test_builds_answer_in_order_and_the_last_one_stays(lab: FakeLab) -> None:
    seen: list[bytes] = []

    def answer(request: BuildRequest, context: bytes) -> list[dict[str, object]]:
        seen.append(context)
        return [{"stream": request.tag}]

    lab.engine.builds = [FakeBuild([{"error": "no"}]), FakeBuild(answer, Behaviour(text="new"))]
    request = BuildRequest("1", "app:1", "Dockerfile", {})
    assert [m async for m in lab.engine.build(request, iter([b"a"]))] == [{"error": "no"}]
    for _ in range(2):
        first, last = [m async for m in lab.engine.build(request, iter([b"b", b"c"]))]
        assert first == {"stream": "app:1"}
        assert last["id"] == "moby.image.id"
    assert seen == [b"bc", b"bc"]


async def test_an_abandoned_build_is_cancelled(lab: FakeLab) -> None:
    lab.engine.builds = [FakeBuild(proceed=asyncio.Event())]

    async def build() -> None:
        async for _ in lab.engine.build(BuildRequest("b1", "app:1", "Dockerfile", {}), iter([b"a"])):
            pass

    task = asyncio.create_task(build())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.engine.cancelled == ["b1"]
    assert await lab.engine.image("app:1") is None


async def test_a_lost_engine_breaks_what_runs_and_comes_back_with_everything(lab: FakeLab) -> None:
    container = await lab.engine.create(
        ContainerSpec("web", await lab.image(Behaviour()), {LABEL_PROJECT: "fake"})
    )
    await lab.engine.start(container)
    waiting = asyncio.create_task(lab.engine.wait(container))

    async def listen() -> str:
        async for _ in lab.engine.events():
            pass
        return "ended"

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    lab.engine.lose()
    with pytest.raises(EngineUnreachable):
        await waiting
    assert await listening == "ended"
    with pytest.raises(EngineUnreachable):
        await lab.engine.containers("fake")
    lab.engine.restore()
    (found,) = await lab.engine.containers("fake")
    assert found.running
    assert await fetch(found.address, 8000) == "hello"


async def test_a_container_ends_and_speaks_when_it_is_told_to(lab: FakeLab) -> None:
    container = await lab.engine.create(ContainerSpec("web", await lab.image(Behaviour()), {}))
    await lab.engine.start(container)
    await lab.engine.say(container, "oh", "stderr")
    await lab.engine.end(container, 137, out_of_memory=True)
    assert await lab.engine.wait(container) == 137
    facts = await lab.engine.container(container)
    assert facts is not None
    assert facts.out_of_memory
    assert [piece async for piece in lab.engine.logs(container, follow=True)] == [LogLine("stderr", "oh")]


async def test_a_taken_port_and_the_journal(lab: FakeLab) -> None:
    lab.engine.taken_ports.add(8000)
    image = await lab.image(Behaviour())
    ports = (PortMapping("127.0.0.1", 8000, 8000),)
    container = await lab.engine.create(ContainerSpec("web", image, {}, ports=ports))
    with pytest.raises(PortTaken, match="8000"):
        await lab.engine.start(container)
    await lab.engine.remove_container(container)
    assert lab.engine.journal == ["create web", "destroy web"]


async def test_a_container_that_stands_by_listens_once_it_is_told_to(lab: FakeLab) -> None:
    def hear(line: bytes) -> tuple[str, ...]:
        return ("ready",) if line == b"orders" else ()

    image = await lab.image(Behaviour(stdin=hear, listens_after=b"go"))
    container = await lab.engine.create(ContainerSpec("standby", image, {}, stdin=True))
    attached = await lab.engine.attach(container)
    await attached.send(b"orders\n")
    await lab.engine.start(container)
    assert await attached.line() == "ready"
    facts = await lab.engine.container(container)
    assert facts is not None
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(facts.address, 8000)
    await attached.send(b'{"go": 1}\nand what follows')
    assert await fetch(facts.address, 8000) == "hello"
    await attached.close()
    assert await fetch(facts.address, 8000) == "hello"


async def test_a_container_that_stands_by_ends_with_its_input(lab: FakeLab) -> None:
    image = await lab.image(Behaviour(listens_after=b"go"))
    container = await lab.engine.create(ContainerSpec("standby", image, {LABEL_PROJECT: "fake"}, stdin=True))
    attached = await lab.engine.attach(container)
    await lab.engine.start(container)
    died = asyncio.create_task(anext(lab.engine.events()))
    await asyncio.sleep(0.01)
    await attached.close()
    assert await lab.engine.wait(container) == 0
    assert (await died).action == "die"


async def test_without_standard_input_nothing_is_waited_for(lab: FakeLab) -> None:
    image = await lab.image(Behaviour(listens_after=b"go"))
    container = await lab.engine.create(ContainerSpec("web", image, {}))
    await lab.engine.start(container)
    facts = await lab.engine.container(container)
    assert facts is not None
    assert await fetch(facts.address, 8000) == "hello"


async def test_streams_break_when_the_engine_is_lost(lab: FakeLab) -> None:
    image = await lab.image(Behaviour(listens_after=b"go"))
    container = await lab.engine.create(ContainerSpec("standby", image, {}, stdin=True))
    attached = await lab.engine.attach(container)
    await lab.engine.start(container)
    waiting = asyncio.create_task(attached.line())
    await asyncio.sleep(0.01)
    lab.engine.lose()
    with pytest.raises(EngineUnreachable):
        await waiting
    with pytest.raises(EngineUnreachable):
        await attached.send(b"go\n")


async def test_the_registry_is_what_can_be_pulled(lab: FakeLab) -> None:
    lab.engine.registry["python:3"] = Behaviour()
    progress = [step async for step in lab.engine.pull("python:3")]
    assert progress[-1].current == progress[-1].total > 0
    assert await lab.engine.image("python:3") is not None
