"""What is asked of a loop while it is at something else, and what comes of a save meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from devbox.daemon.orders import Await, Outcome, Pause, Rebuild, Restart, Resume, Rollback
from devbox.daemon.redeploy import Redeploy
from devbox.daemon.work import Served
from devbox.engine.fake import FakeBuild
from devbox.engine.values import ImageFacts
from devbox.events import (
    BuildFailed,
    BuildStarted,
    BuildSuperseded,
    EngineLost,
    ReleaseFailed,
    ReleaseServed,
    WatchResumed,
)
from devbox.model import LABEL_ROLE
from devbox.release.spec import ROLE_APP
from tests.unit.daemon.kit import until
from tests.unit.daemon.test_daemon_loop import Running, running  # noqa: F401 - a fixture


def strategies(project: Running) -> list[tuple[int, str]]:
    return [(event.revision, event.strategy) for event in project.of(ReleaseServed)]


async def test_a_save_whose_build_a_restart_calls_off_is_built_after_it(running: Running) -> None:  # noqa: F811
    await running.served(1)
    never = FakeBuild(proceed=asyncio.Event())
    running.engine.builds.insert(0, never)
    running.save("main.py", "two\n")
    await until(lambda: never not in running.engine.builds)
    assert await running.loop.order(Restart()) == 1
    await running.served(3)
    assert strategies(running)[1] == (1, "restart")
    assert await running.loop.order(Await()) == Outcome(True, 3)


async def test_a_save_while_paused_is_built_on_resuming_also_after_a_restart(running: Running) -> None:  # noqa: F811
    await running.served(1)
    await running.loop.order(Pause())
    running.save("main.py", "two\n")
    waited = await running.loop.order(Await())
    assert isinstance(waited, Outcome)
    assert not waited.serves
    await running.loop.order(Restart())
    await until(lambda: (1, "restart") in strategies(running))
    await running.loop.order(Resume())
    await running.served(2)
    assert await running.loop.order(Await()) == Outcome(True, 2)


async def test_restarts_upon_restarts_leave_a_rollback_as_it_is(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.save("main.py", "two\n")
    await running.served(2)
    await running.loop.order(Rollback())
    await until(lambda: (1, "rollback") in strategies(running))
    await running.loop.order(Restart())
    await running.loop.order(Restart())
    await until(lambda: strategies(running)[-1] == (1, "restart"))
    waited = await running.loop.order(Await())
    assert isinstance(waited, Outcome)
    assert waited.failure is not None
    assert waited.failure.what == "revision 1 serves since a rollback"
    assert len(running.of(BuildStarted)) == 2


async def test_a_save_whose_build_a_failing_rollback_called_off_is_built_after_it(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.save("main.py", "two\n")
    await running.served(2)
    never = FakeBuild(proceed=asyncio.Event())
    running.engine.builds.insert(0, never)
    running.save("main.py", "three\n")
    await until(lambda: never not in running.engine.builds)
    former = running.engine.image

    async def gone(reference: str) -> ImageFacts | None:
        if reference == "base":
            return await former(reference)
        running.engine.image = former  # type: ignore[method-assign]
        return None

    running.engine.image = gone  # type: ignore[method-assign]
    await running.loop.order(Rollback())
    await until(lambda: running.of(ReleaseFailed))
    await until(lambda: len(running.of(BuildStarted)) == 4)
    await running.served(4)
    assert await running.loop.order(Await()) == Outcome(True, 4)


async def test_a_dockerfile_that_goes_while_paused_fails_nothing_until_resumed(running: Running) -> None:  # noqa: F811
    await running.served(1)
    await running.loop.order(Pause())
    (running.folder / "Dockerfile").write_text("")
    waited = await running.loop.order(Await())
    assert isinstance(waited, Outcome)
    assert not waited.serves
    assert running.of(BuildFailed) == []
    await running.loop.order(Resume())
    await until(lambda: running.of(BuildFailed))
    assert running.events.index(running.of(WatchResumed)[0]) < running.events.index(
        running.of(BuildFailed)[0]
    )


async def test_a_rebuild_amidst_a_rollback_calls_off_a_rollback(
    running: Running,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await running.served(1)
    running.save("main.py", "two\n")
    await running.served(2)
    never = asyncio.Event()

    async def endless(redeploy: Redeploy) -> Served:
        await never.wait()
        raise AssertionError(redeploy)

    monkeypatch.setattr(Redeploy, "run", endless)
    assert await running.loop.order(Rollback()) == 1
    await running.loop.order(Rebuild())
    await running.served(3)
    told = running.of(BuildSuperseded)
    assert [(event.build, event.again, event.cause) for event in told] == [
        (1, "rollback", "rebuild asked for")
    ]


async def test_what_served_before_the_engine_went_serves_again_while_paused_and_no_save(
    running: Running,  # noqa: F811
) -> None:
    await running.served(1)
    await running.loop.order(Pause())
    running.save("main.py", "two\n")
    running.engine.lose()
    await until(lambda: running.of(EngineLost))
    running.engine.restore()
    (container,) = (
        each.id for each in await running.engine.containers("project") if each.labels[LABEL_ROLE] == ROLE_APP
    )
    await running.engine.remove_container(container)
    await until(lambda: (1, "restart") in strategies(running))
    assert len(running.of(BuildStarted)) == 1
    await running.loop.order(Resume())
    await running.served(2)
