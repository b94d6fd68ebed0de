"""The loop with commands before a start, a container that is started again, and memory that ran out."""

from __future__ import annotations

import asyncio

from devbox.daemon.orders import Await, Outcome, Rollback
from devbox.engine.fake import Behaviour, FakeBuild
from devbox.engine.values import ExecResult
from devbox.events import (
    AppExited,
    AppOutOfMemory,
    BuildSuperseded,
    EngineLost,
    ReleaseFailed,
    ReleaseLog,
    ReleaseServed,
    ReleaseStarted,
    ReleaseStep,
    StandbyChanged,
)
from devbox.model import RestartPolicy, StepState
from tests.unit.daemon.kit import until
from tests.unit.daemon.test_daemon_loop import Running, running  # noqa: F401 - a fixture

MIGRATE = ("migrate",)
SEED = ("seed",)


def build(text: str, **runs: ExecResult | None) -> FakeBuild:
    behaviour = Behaviour(text=text, runs={(name,): result for name, result in runs.items()})
    return FakeBuild(behaviour=behaviour)


def container_of(project: Running) -> str:
    """The name of the container that serves."""
    number = project.of(ReleaseServed)[-1].revision
    return f"devbox-project-r{number}"


async def test_a_command_runs_before_the_start_while_the_former_revision_serves(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.engine.builds.insert(0, build("two", migrate=ExecResult(0, "done"), seed=ExecResult(0, "")))
    running.save("devbox.toml", 'before_start = [["migrate"], ["seed"]]\n')
    served = await running.served(2)
    assert [(event.command, event.line) for event in running.of(ReleaseLog)] == [("migrate", "done")]
    done = [event.command for event in running.of(ReleaseStep) if event.state is StepState.DONE]
    assert done == ["migrate", "seed"]
    assert running.of(ReleaseStarted)[-1].reason == "before_start runs first"
    assert 0 < served.timings.before_start < served.timings.total
    journal = running.engine.journal
    before, app = "destroy devbox-project-r2-before-start", "start devbox-project-r2"
    assert journal.count(before) == 2
    await until(lambda: "stop devbox-project-r1" in journal)
    last = len(journal) - 1 - journal[::-1].index(before)
    assert last < journal.index(app) < journal.index("stop devbox-project-r1")


async def test_a_command_that_fails_refuses_the_release_with_its_log(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.engine.builds.insert(0, build("two", migrate=ExecResult(3, "no such table")))
    running.save("devbox.toml", 'before_start = [["migrate"], ["seed"]]\n')
    await until(lambda: running.of(ReleaseFailed))
    failed = running.of(ReleaseFailed)[0]
    assert failed.failure.what == "before_start migrate: exited with status 3"
    assert (failed.failure.exit_status, failed.failure.log) == (3, ("no such table",))
    assert failed.failure.problems[0].file == "devbox.toml"
    assert failed.serving == 1
    assert await running.answer() == "build 1"
    assert "start devbox-project-r2" not in running.engine.journal
    assert running.engine.journal.count("create devbox-project-r2-before-start") == 1
    running.engine.builds.insert(0, build("three", migrate=ExecResult(0, ""), seed=ExecResult(0, "")))
    running.save("main.py", "two\n")
    await running.served(3)


async def test_a_command_that_takes_too_long_is_ended(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.engine.builds.insert(0, build("two", migrate=None))
    running.save("devbox.toml", 'before_start = [["migrate"]]\nbefore_start_timeout = 0.1\n')
    await until(lambda: running.of(ReleaseFailed))
    assert running.of(ReleaseFailed)[0].failure.what == "before_start migrate: was not done within 0.1s"
    assert "destroy devbox-project-r2-before-start" in running.engine.journal


async def test_a_newer_save_calls_off_a_command_that_runs(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.engine.builds.insert(0, build("two", migrate=None))
    running.save("devbox.toml", 'before_start = [["migrate"]]\n')
    await until(lambda: "start devbox-project-r2-before-start" in running.engine.journal)
    running.engine.builds.insert(0, build("three", migrate=ExecResult(0, "")))
    running.save("main.py", "two\n")
    await running.served(3)
    assert [event.build for event in running.of(BuildSuperseded)] == [2]
    assert running.of(ReleaseStep)[1].state is StepState.CANCELLED
    assert "destroy devbox-project-r2-before-start" in running.engine.journal


async def test_a_command_with_when_runs_only_for_its_files(running: Running) -> None:  # noqa: F811
    await running.served(1)
    text = 'before_start = [{ run = ["migrate"], when = ["requirements.txt"] }]\n'
    running.engine.builds = [build(f"build {number}", migrate=ExecResult(0, "")) for number in range(2, 9)]
    running.save("devbox.toml", text)
    await running.served(2)
    running.save("main.py", "two\n")
    await running.served(3)
    running.save("requirements.txt", "httpx\n")
    await running.served(4)
    states = [(event.revision, event.state) for event in running.of(ReleaseStep)]
    assert states == [
        (2, StepState.RUNNING),
        (2, StepState.DONE),
        (3, StepState.CACHED),
        (4, StepState.RUNNING),
        (4, StepState.DONE),
    ]


async def test_a_container_that_is_started_again_serves_again(running: Running) -> None:  # noqa: F811
    await running.served(1)
    await running.engine.end(container_of(running), 1)
    await until(lambda: running.of(AppExited))
    assert not running.of(AppExited)[0].restarting
    await running.engine.start(container_of(running))
    await until(lambda: len(running.of(ReleaseServed)) == 2)
    assert running.of(ReleaseServed)[-1].strategy == "restarted"
    assert await running.answer() == "build 1"
    await running.engine.end(container_of(running), 1)
    await until(lambda: len(running.of(AppExited)) == 2)


async def test_a_standby_is_tried_again_once_the_application_has_started_anew(running: Running) -> None:  # noqa: F811
    def looks() -> int:
        return sum(line.startswith("exec devbox-project-r1: /bin/sh") for line in running.engine.journal)

    await running.served(1)
    await until(lambda: any(not event.ready for event in running.of(StandbyChanged)))
    before = looks()
    await running.engine.end(container_of(running), 1)
    await until(lambda: running.of(AppExited))
    await running.engine.start(container_of(running))
    await until(lambda: looks() > before)


async def test_what_was_started_again_while_the_engine_was_gone_serves_again(running: Running) -> None:  # noqa: F811
    await running.served(1)
    known = running.engine.scripted(container_of(running))
    running.engine.lose()
    await until(lambda: running.of(EngineLost))
    await known.end(137)
    await known.start()
    running.engine.restore()
    await until(lambda: running.of(ReleaseServed)[-1].strategy == "restarted")
    assert await running.answer() == "build 1"


async def test_one_that_runs_again_before_its_end_is_told_serves_again(running: Running) -> None:  # noqa: F811
    await running.served(1)
    name = container_of(running)
    known = running.engine.scripted(name)
    await known.end(7)
    running.engine.tell("die", name)
    await known.start()
    await until(lambda: len(running.of(ReleaseServed)) == 2)
    exited = running.of(AppExited)[0]
    assert (exited.exit_status, exited.restarting) == (7, True)
    assert await running.answer() == "build 1"


async def test_an_end_that_no_wait_heard_is_found_at_the_next_start(running: Running) -> None:  # noqa: F811
    async def deaf(container: str) -> int:
        await asyncio.Event().wait()
        raise AssertionError

    running.engine.wait = deaf  # type: ignore[method-assign]
    await running.served(1)
    name = container_of(running)
    await running.engine.end(name, 7)
    await running.engine.start(name)
    await until(lambda: len(running.of(ReleaseServed)) == 2)
    assert running.of(AppExited)[0].exit_status == 7
    assert await running.answer() == "build 1"


async def test_one_that_was_started_again_before_it_was_watched_serves_again(running: Running) -> None:  # noqa: F811
    await running.served(1)
    again: list[bool] = []

    async def set_policy(container: str, policy: RestartPolicy) -> None:
        known = running.engine.scripted(container)
        await known.end(7)
        running.engine.tell("die", container)
        await known.start()
        running.engine.tell("start", container)
        running.engine.restart_policy = former  # type: ignore[method-assign]
        again.append(True)

    former = running.engine.restart_policy
    running.engine.restart_policy = set_policy  # type: ignore[method-assign]
    running.save("devbox.toml", 'restart = "always"\n')
    await until(lambda: [event.strategy for event in running.of(ReleaseServed)][-1] == "restarted")
    assert again == [True]
    assert [event.exit_status for event in running.of(AppExited)] == [7]
    assert await running.answer() == "build 2"


async def test_a_policy_is_set_once_the_revision_serves(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.save("devbox.toml", 'restart = "on-failure:2"\n')
    await running.served(2)
    await until(
        lambda: running.engine.scripted("devbox-project-r2").restart == RestartPolicy("on-failure", 2)
    )


async def test_the_limit_is_named_where_memory_ran_out(running: Running) -> None:  # noqa: F811
    await running.served(1)
    running.save("devbox.toml", 'memory = "64m"\n')
    await running.served(2)
    # It is told to serve before it is watched.
    await until(lambda: running.loop.container == container_of(running))
    await running.engine.kill_a_child(container_of(running))
    await until(lambda: running.of(AppOutOfMemory))
    assert running.of(AppOutOfMemory) == [
        running.of(AppOutOfMemory)[0].model_copy(update={"revision": 2, "memory_limit": 64 << 20})
    ]
    await running.engine.kill_a_child(container_of(running))
    await running.engine.end(container_of(running), 137, out_of_memory=True)
    await until(lambda: running.of(AppExited))
    exited = running.of(AppExited)[0]
    assert (exited.out_of_memory, exited.memory_limit) == (True, 64 << 20)
    assert exited.problems[0].message == "revision 2 was killed: out of memory (limit 64 MB)"
    assert exited.problems[0].file == "devbox.toml"
    assert len(running.of(AppOutOfMemory)) == 1


async def test_a_worker_killed_long_ago_is_not_what_the_application_ends_of(running: Running) -> None:  # noqa: F811
    await running.served(1)
    # The engine's mark is there, the event that set it is not of this moment.
    await running.engine.end(container_of(running), 1, out_of_memory=True)
    await until(lambda: running.of(AppExited))
    assert not running.of(AppExited)[0].out_of_memory


async def test_an_application_that_ends_with_its_killed_worker_says_so(running: Running) -> None:  # noqa: F811
    await running.served(1)
    await until(lambda: running.loop.container == container_of(running))
    await running.engine.kill_a_child(container_of(running))
    await running.engine.end(container_of(running), 1, out_of_memory=True)
    await until(lambda: running.of(AppExited))
    assert running.of(AppExited)[0].out_of_memory


async def test_who_waits_is_told_that_the_settings_on_disk_are_not_in_force(running: Running) -> None:  # noqa: F811
    await running.served(1)
    assert await running.loop.order(Await()) == Outcome(True, 1)
    running.save("devbox.toml", "prots = 1\n")
    for _ in range(2):
        told = await running.loop.order(Await())
        assert isinstance(told, Outcome)
        assert told.failure is not None
        assert (told.serves, told.revision) == (False, 1)
        assert "unknown setting 'prots'" in str(told.failure)
    running.save("devbox.toml", "# mended\n")
    assert await running.loop.order(Await()) == Outcome(True, 1)


async def test_a_rollback_passes_over_what_never_served(running: Running) -> None:  # noqa: F811
    await running.served(1)
    ends = Behaviour(text="two", exits=3)
    running.engine.builds.insert(0, FakeBuild(behaviour=ends))
    running.save("main.py", "two\n")
    await until(lambda: running.of(ReleaseFailed))
    running.save("main.py", "three\n")
    await running.served(3)
    assert await running.loop.order(Rollback()) == 1
    await until(lambda: running.of(ReleaseServed)[-1].strategy == "rollback")
