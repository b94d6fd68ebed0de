"""The whole loop without an engine: a real disk, a real gate, and the engine that is a fake."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from devbox.build.frontend import Frontends
from devbox.daemon.applog import LogFollowers
from devbox.daemon.bus import Bus
from devbox.daemon.hostports import HostPorts
from devbox.daemon.loop import Loop
from devbox.daemon.project import Project
from devbox.daemon.source import Settings
from devbox.daemon.tools import Tools
from devbox.engine.fake import Behaviour, FakeBuild, FakeEngine
from devbox.errors import NotFound
from devbox.events import (
    AppExited,
    BuildAdvice,
    BuildAvoidable,
    BuildFailed,
    BuildFinished,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    ChangeDetected,
    ChangeIgnored,
    EngineBack,
    EngineLost,
    Event,
    ReleaseFailed,
    ReleaseServed,
)
from devbox.model import StepState
from devbox.watch import pace, watcher
from tests.unit.build.traces import TRACE, trace, vertex, wire
from tests.unit.compose.fake import FakeDocker
from tests.unit.daemon.kit import until

T = TypeVar("T")

_DOCKERFILE = """\
FROM base
COPY requirements.txt .
RUN install
COPY main.py .
CMD ["uvicorn", "main:app"]
"""


@dataclass
class Running:
    """A loop at work, and everything it said."""

    folder: Path
    engine: FakeEngine
    project: Project = field(init=False)
    events: list[Event] = field(default_factory=list)
    loop: Loop = field(init=False)
    compose: FakeDocker = field(init=False)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def served(self, revision: int) -> ReleaseServed:
        await until(lambda: any(event.revision == revision for event in self.of(ReleaseServed)))
        return self.of(ReleaseServed)[-1]

    async def answer(self) -> str:
        """What the published port answers."""
        port = int(self.of(ReleaseServed)[-1].url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        return answer.decode().rpartition("\r\n\r\n")[2]

    def save(self, name: str, content: str) -> None:
        """An editor's save: a new file moved into place, from where no look meets it before."""
        fresh = self.folder.parent / f"{name}.fresh"
        fresh.write_text(content)
        fresh.replace(self.folder / name)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    folder, runtime = tmp_path / "project", tmp_path / "r"
    folder.mkdir()
    runtime.mkdir(mode=0o700)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    (folder / ".dockerignore").write_text(".*\ndevbox.toml\n")
    (folder / "requirements.txt").write_text("fastapi\n")
    (folder / "main.py").write_text("one\n")
    engine = FakeEngine()
    engine.add_image("base")
    engine.builds = [FakeBuild(behaviour=Behaviour(text=f"build {number}")) for number in range(1, 30)]
    made = Running(folder, engine)
    bus = Bus(made.events.append)
    made.compose = FakeDocker(tmp_path / "docker")
    flags = {"ports": ("0:8000",), "start_timeout": 5.0}
    settings = Settings(folder, flags, made.compose.environ)
    ports = HostPorts(engine, runtime)
    logs = LogFollowers(engine, bus)
    tools = Tools(engine, await engine.info(), Frontends(engine), ports, logs, bus)
    async with Project(settings, ports) as project:
        await project.arrange((await project.read()).dockerfile)
        made.project = project
        made.loop = Loop(project, tools, watch=True)
        loop = asyncio.create_task(made.loop.run(None, 0))
        try:
            yield made
            assert not loop.done(), loop
        finally:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop
            await logs.close()
            await ports.stop()
            await engine.close()


async def test_a_save_is_built_and_served_and_the_former_revision_goes(running: Running) -> None:
    first = await running.served(1)
    assert first.timings.total > 0
    assert await running.answer() == "build 1"
    running.save("main.py", "two\n")
    served = await running.served(2)
    assert await running.answer() == "build 2"
    assert served.url == first.url
    assert running.of(BuildStarted)[-1].cause == "main.py"
    await until(lambda: "destroy devbox-project-r1" in running.engine.journal)


async def test_the_line_that_makes_a_run_run_again_is_named(running: Running) -> None:
    await running.served(1)
    running.save("requirements.txt", "fastapi\nhttpx==0.28.0\n")
    await running.served(2)
    running.save("requirements.txt", "fastapi\nhttpx==0.28.1\n")
    await running.served(3)
    expected = [event.expected for event in running.of(BuildStarted)]
    assert expected[1]["RUN install"] == "requirements.txt line 2 added: httpx==0.28.0"
    assert expected[2]["RUN install"] == "requirements.txt line 2: httpx==0.28.0 -> httpx==0.28.1"
    assert expected[2]["COPY requirements.txt ."] == "requirements.txt changed"


async def test_advice_is_told_between_rounds_and_again_when_it_changed(running: Running) -> None:
    await running.served(1)
    await until(lambda: running.of(BuildAdvice))
    first = running.of(BuildAdvice)[0]
    assert [(each.rule, each.line) for each in first.findings] == [("UnpinnedBaseImage", 1)]
    assert running.events.index(first) > running.events.index(running.of(ReleaseServed)[0])
    running.save("main.py", "two\n")
    await running.served(2)
    running.save("Dockerfile", f"# check=skip=all\n{_DOCKERFILE}")
    await running.served(3)
    await until(lambda: len(running.of(BuildAdvice)) == 2)
    assert running.of(BuildAdvice)[1].findings == ()


def _installed_again() -> FakeBuild:
    """A build that copied the source, and then installed for twelve seconds."""
    copied = vertex("[2/3] COPY . .", started=1.0, completed=1.1)
    installed = vertex("[3/3] RUN pip install -r requirements.txt", started=1.1, completed=13.1)
    step = wire(trace(vertex("[1/3] FROM base", cached=True), copied, installed))
    return FakeBuild(messages=[{"id": TRACE, "aux": step}])


async def test_seconds_that_advice_would_have_saved_are_told_once(running: Running) -> None:
    await running.served(1)
    running.save("Dockerfile", "FROM base\nCOPY . .\nRUN pip install -r requirements.txt\n")
    await running.served(2)
    running.engine.builds[:0] = [_installed_again(), _installed_again(), _installed_again()]
    running.save("requirements.txt", "fastapi\nhttpx\n")
    await running.served(3)
    assert running.of(BuildAvoidable) == []
    running.save("main.py", "two\n")
    await running.served(4)
    await until(lambda: running.of(BuildAvoidable))
    running.save("main.py", "three\n")
    await running.served(5)
    running.save("main.py", "four\n")
    await running.served(6)
    (told,) = running.of(BuildAvoidable)
    assert (told.build, told.seconds, told.exact) == (4, 12.0, True)
    assert told.finding.hint == "copy requirements.txt before the source"
    assert told.finding in running.of(BuildAdvice)[-1].findings


async def test_a_failing_build_keeps_the_former_revision_and_the_next_save_heals(running: Running) -> None:
    await running.served(1)
    running.engine.builds.insert(0, FakeBuild(messages=[{"error": "no such thing"}]))
    running.save("main.py", "two\n")
    await until(lambda: running.of(BuildFailed))
    failed = running.of(BuildFailed)[0]
    assert failed.serving == 1
    assert "no such thing" in failed.failure.cause
    assert await running.answer() == "build 1"
    running.save("main.py", "three\n")
    await running.served(3)
    assert await running.answer() == "build 2"


async def test_a_container_that_exits_keeps_the_former_revision(running: Running) -> None:
    await running.served(1)
    running.engine.builds.insert(0, FakeBuild(behaviour=Behaviour(exits=3, log=("boom",))))
    running.save("main.py", "two\n")
    await until(lambda: running.of(ReleaseFailed))
    failed = running.of(ReleaseFailed)[0]
    assert failed.failure.exit_status == 3
    assert failed.failure.log == ("boom",)
    assert failed.serving == 1
    assert await running.answer() == "build 1"


def _holds(told: Callable[[], set[str]], what: str) -> bool:
    return what in told()


async def test_what_somebody_else_is_to_make_is_waited_for_and_not_made(
    running: Running, tmp_path: Path
) -> None:
    """An empty volume of ours would look like lost data."""
    await running.served(1)
    named = {"name": "theirs", "external": True}
    service = {
        "build": {"context": str(running.folder)},
        "ports": [{"target": 8000}],
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
        "networks": {"out": None},
    }
    project = {
        "name": "x",
        "services": {"web": service},
        "volumes": {"data": named},
        "networks": {"out": named},
    }
    running.compose.answers("config", out=project)
    running.save("compose.yaml", "services: {}\n")
    running.save("devbox.toml", "service = 'web'\n")

    def refused() -> set[str]:
        return {event.failure.what for event in running.of(ReleaseFailed)}

    engine = running.engine
    for kind, ensure in (("volume", engine.ensure_volume), ("network", engine.ensure_network)):
        await until(partial(_holds, refused, f"the external {kind} theirs is not there"))
        with pytest.raises(NotFound):
            await ensure("theirs", None)
        await ensure("theirs", {})
        running.save("main.py", f"{kind} made\n")
    await until(lambda: len(running.of(ReleaseServed)) > 1)


async def test_a_failed_content_is_tried_again_when_it_is_saved_again(running: Running) -> None:
    await running.served(1)
    running.engine.builds.insert(0, FakeBuild(messages=[{"error": "the network is down"}]))
    running.save("main.py", "two\n")
    await until(lambda: running.of(BuildFailed))
    os.utime(running.folder / "main.py")
    await running.served(3)


async def test_going_back_to_what_serves_builds_nothing(running: Running) -> None:
    await running.served(1)
    running.engine.builds.insert(0, FakeBuild(messages=[{"error": "no"}]))
    running.save("main.py", "two\n")
    await until(lambda: running.of(BuildFailed))
    running.save("main.py", "one\n")
    await until(lambda: running.of(ChangeIgnored))
    assert running.of(ChangeIgnored)[0].reason == "back to what revision 1 serves"
    assert len(running.of(BuildStarted)) == 2


async def test_a_newer_save_calls_the_running_build_off(running: Running) -> None:
    await running.served(1)
    never = FakeBuild(proceed=asyncio.Event())
    running.engine.builds.insert(0, never)
    running.save("main.py", "two\n")
    await until(lambda: never not in running.engine.builds)
    running.save("main.py", "three\n")
    served = await running.served(3)
    assert served.revision == 3
    assert [event.build for event in running.of(BuildSuperseded)] == [2]
    assert len(running.engine.cancelled) == 1


def _installing(done: asyncio.Event) -> FakeBuild:
    """A build that is busy with its RUN until `done`."""
    step = wire(trace(vertex("[3/4] RUN install", started=1.0)))
    return FakeBuild(messages=[{"id": TRACE, "aux": step}], proceed=done)


async def test_a_long_step_that_a_newer_save_does_not_touch_is_let_finish(running: Running) -> None:
    await running.served(1)
    installed = asyncio.Event()
    running.engine.builds.insert(0, _installing(installed))
    running.save("requirements.txt", "fastapi\nhttpx\n")
    await until(lambda: any(event.step.state is StepState.RUNNING for event in running.of(BuildStep)))
    running.save("main.py", "two\n")
    await until(lambda: len(running.of(ChangeDetected)) == 2)
    assert running.of(BuildSuperseded) == []
    installed.set()
    await until(lambda: len(running.of(BuildStarted)) == 3)
    await running.served(3)
    assert {event.revision for event in running.of(ReleaseServed)} == {1, 3}


async def test_a_long_step_whose_input_changes_again_is_called_off_at_once(running: Running) -> None:
    await running.served(1)
    running.engine.builds.insert(0, _installing(asyncio.Event()))
    running.save("requirements.txt", "fastapi\nhttpx\n")
    await until(lambda: any(event.step.state is StepState.RUNNING for event in running.of(BuildStep)))
    running.save("requirements.txt", "fastapi\nhttpx2\n")
    await running.served(3)
    assert [event.build for event in running.of(BuildSuperseded)] == [2]


async def test_the_engines_end_and_return_are_told_and_made_up_for(running: Running) -> None:
    await running.served(1)
    running.engine.lose()
    await until(lambda: running.of(EngineLost))
    running.save("main.py", "two\n")
    running.engine.restore()
    await until(lambda: running.of(EngineBack))
    await until(lambda: len(running.of(ReleaseServed)) == 2)
    assert (await running.answer()).startswith("build")
    assert len(running.of(EngineLost)) == 1


async def test_an_application_that_ends_is_told_and_the_next_save_starts_it_again(running: Running) -> None:
    await running.served(1)
    container = (await running.engine.containers("project"))[0]
    await running.engine.end(container.id, 7)
    await until(lambda: running.of(AppExited))
    assert running.of(AppExited)[0].exit_status == 7
    os.utime(running.folder / "main.py")
    await running.served(2)
    assert running.of(BuildStarted)[-1].cause == "revision 1 had ended"


async def test_a_tree_that_never_rests_is_served_all_the_same(running: Running) -> None:
    await running.served(1)
    over = False

    async def restless() -> None:
        number = 0
        while not over:
            number += 1
            running.save("main.py", f"{number}\n")
            await asyncio.sleep(0.03)

    saving = asyncio.create_task(restless())
    try:
        await until(lambda: len(running.of(ReleaseServed)) >= 3)
    finally:
        over = True
        await saving
    await until(lambda: running.of(ReleaseServed)[-1].revision == running.of(BuildStarted)[-1].build)


async def test_every_build_that_starts_comes_to_one_end(running: Running) -> None:
    await running.served(1)
    for number in range(12):
        running.save("main.py", f"{number}\n")
        await asyncio.sleep(0.02 * (number % 4))
    await until(lambda: running.of(ReleaseServed)[-1].revision == running.of(BuildStarted)[-1].build)
    for started in running.of(BuildStarted):
        ends = [event for event in running.of(BuildFinished) if event.build == started.build]
        called_off = [event for event in running.of(BuildSuperseded) if event.build == started.build]
        assert len(ends) + len(called_off) >= 1
        assert len(ends) <= 1
        assert len(called_off) <= 1


async def test_a_context_that_cannot_be_read_is_a_failed_build_said_once_and_heals(running: Running) -> None:
    await running.served(1)
    os.mkfifo(running.folder / "pipe")
    await until(lambda: running.of(BuildFailed))
    failed = running.of(BuildFailed)[0]
    assert "pipe" in failed.failure.what
    assert failed.serving == 1
    (running.folder / "pipe").unlink()
    running.save("main.py", "two\n")
    await until(lambda: len(running.of(ReleaseServed)) == 2)
    assert len(running.of(BuildFailed)) == 1


async def test_a_context_that_becomes_unreadable_before_the_flip_is_built_again(running: Running) -> None:
    await running.served(1)
    ready = asyncio.Event()
    running.engine.builds.insert(0, FakeBuild(proceed=ready, behaviour=Behaviour(text="second")))
    running.save("main.py", "two\n")
    await until(lambda: len(running.of(BuildStarted)) == 2)
    pipe = running.folder / "pipe"
    os.mkfifo(pipe)
    ready.set()
    await until(lambda: running.of(BuildSuperseded) or running.of(BuildFailed))
    pipe.unlink()
    await until(lambda: len(running.of(ReleaseServed)) == 2)
    assert running.of(ReleaseFailed) == []


async def test_a_newer_state_seen_while_a_round_ends_is_not_lost(running: Running) -> None:
    """Saved and taken back at about the moment of the flip, again and again."""
    await running.served(1)
    for number in range(15):
        running.save("main.py", f"{number}\n")
        await until(lambda: running.of(ReleaseServed)[-1].revision == running.of(BuildStarted)[-1].build)
        running.save("main.py", "one\n")
        await asyncio.sleep(0.003 * number)
        running.save("main.py", f"{number} again\n")
    await until(lambda: running.of(ReleaseServed)[-1].revision == running.of(BuildStarted)[-1].build)

    def nothing_changed() -> int:
        # The same news is said once a second.
        os.utime(running.folder / "main.py")
        return sum(event.reason == "nothing changed" for event in running.of(ChangeIgnored))

    # Said only once what is on disk is what was built last: another save of it needs no build.
    said = nothing_changed()
    await until(lambda: nothing_changed() > said)
    begun, said = len(running.of(BuildStarted)), nothing_changed()
    await until(lambda: nothing_changed() > said)
    assert len(running.of(BuildStarted)) == begun


async def test_settings_saved_while_the_dockerfile_is_being_written_are_taken_once_it_is(
    running: Running,
) -> None:
    await running.served(1)
    (running.folder / "Dockerfile").write_text("")
    running.save("devbox.toml", '[environment]\nA = "b"\n')
    await until(lambda: any("stay" in event.reason for event in running.of(ChangeIgnored)))
    running.save("Dockerfile", _DOCKERFILE)
    await running.served(2)
    assert "settings read again" in {event.reason for event in running.of(ChangeIgnored)}
    refusals = [event for event in running.of(ChangeIgnored) if "stay" in event.reason]
    assert len(refusals) == 1


async def test_a_change_that_no_event_told_goes_live_with_the_save_of_another_file(
    running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a large context a build begins with what the hints spoke of; the rest is found beside it."""
    monkeypatch.setattr(watcher, "_QUICK", 0.0)
    monkeypatch.setattr(pace, "_BACKSTOP_LEAST", 60.0)
    await running.served(1)
    (running.folder / "lib").mkdir()
    (running.folder / "lib" / "unseen").write_text("one\n")
    os.link(running.folder / "lib" / "unseen", tmp_path / "elsewhere")
    await until(lambda: running.of(ChangeDetected))
    await running.served(running.of(BuildStarted)[-1].build)
    (tmp_path / "elsewhere").write_text("two\n")
    running.save("main.py", "two\n")
    await until(
        lambda: (
            {"main.py", "lib/unseen"}
            == {path for event in running.of(ChangeDetected) for path in event.modified}
        )
    )
    await until(lambda: running.of(ReleaseServed)[-1].revision == running.of(BuildStarted)[-1].build)
