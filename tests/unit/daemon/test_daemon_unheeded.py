"""Saves that `develop.watch` of a compose file leaves out lead to nothing, and the next build has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.compose.values import Compose, Trigger
from devbox.config import Config, load
from devbox.daemon.news import LEFT_OUT
from devbox.daemon.orders import Await, Outcome, Rebuild
from devbox.daemon.unheeded import Unheeded
from devbox.engine.fake import FakeBuild
from devbox.errors import ContextError
from devbox.events import BuildFailed, BuildStarted, ChangeIgnored, ReleaseServed
from devbox.model import LABEL_CONTEXT_DIGEST
from tests.unit.daemon.kit import until
from tests.unit.daemon.test_daemon_loop import Running, running  # noqa: F401 - a fixture


def watching(config: Config, *triggers: tuple[str, tuple[str, ...], tuple[str, ...]]) -> Unheeded:
    entries = tuple(Trigger(str(config.root / path), ignore, include) for path, ignore, include in triggers)
    compose = Compose("shop", "api", "compose.yaml", (), triggers=entries)
    return Unheeded(config.model_copy(update={"compose": compose}))


@pytest.mark.parametrize(
    ("path", "left_out"),
    [
        ("app/main.py", False),
        ("app/notes.tmp", True),
        ("app/deep/notes.tmp", True),
        ("app/keep.tmp", False),
        ("app/cache/x/y.py", True),
        ("cache/x.py", False),
        ("other/notes.tmp", False),
        ("lib/a.py", False),
        ("lib/a.txt", True),
        ("lib/sub/a.py", True),
        # One entry ignores it, another one is about it.
        ("app/both.tmp", False),
        ("application/notes.tmp", False),
        ("Dockerfile", False),
    ],
)
def test_patterns_are_relative_to_their_entry_and_one_that_is_about_a_file_wins(
    tmp_path: Path, path: str, left_out: bool
) -> None:
    unheeded = watching(
        load(tmp_path, {}, {}),
        ("app", ("**/*.tmp", "!keep.tmp", "cache/"), ()),
        ("app/both.tmp", (), ()),
        ("lib/", (), ("*.py",)),
    )
    assert unheeded(path) is left_out


def test_a_dockerfile_is_never_left_out(tmp_path: Path) -> None:
    unheeded = watching(load(tmp_path, {}, {}), (".", ("**",), ()))
    assert unheeded("main.py")
    assert not unheeded("Dockerfile")


def test_a_context_below_the_path_of_an_entry(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    unheeded = watching(load(tmp_path, {"context": "api"}, {}), (".", ("api/*.log",), ()))
    assert unheeded("a.log")
    assert not unheeded("a.py")


def test_a_pattern_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match=r"develop\.watch ignore of compose\.yaml"):
        watching(load(tmp_path, {}, {}), (".", ("[",), ()))


def leave_out(project: Running, *ignore: str) -> None:
    project.project.unheeded = watching(project.project.config, (".", ignore, ()))


async def left_out(project: Running, path: str) -> None:
    await until(
        lambda: any(path in event.paths for event in project.of(ChangeIgnored) if event.reason == LEFT_OUT)
    )


async def built_last(project: Running) -> str:
    """The digest of the build context that the newest image was made from."""
    return (await project.engine.images("project"))[0].labels[LABEL_CONTEXT_DIGEST]


async def test_a_save_that_is_left_out_leads_to_nothing_and_is_in_the_next_build(running: Running) -> None:  # noqa: F811
    await running.served(1)
    leave_out(running, "*.log")
    running.save("a.log", "one\n")
    await left_out(running, "a.log")
    assert await running.loop.order(Await()) == Outcome(True, 1)
    assert len(running.of(BuildStarted)) == 1
    running.save("main.py", "two\n")
    await running.served(2)
    assert await built_last(running) == (await running.project.read()).context_digest
    running.save("a.log", "two\n")
    running.save("requirements.txt", "httpx\n")
    await running.served(3)
    assert [event.build for event in running.of(BuildStarted)] == [1, 2, 3]


async def test_a_save_that_is_left_out_tries_no_failed_build_again(running: Running) -> None:  # noqa: F811
    await running.served(1)
    leave_out(running, "*.log")
    # The look at the end of the first round is over: it would find the save before the word of it comes,
    # which would then be taken for another save.
    assert await running.loop.order(Await()) == Outcome(True, 1)
    running.engine.builds.insert(0, FakeBuild(messages=[{"error": "no"}]))
    running.save("main.py", "two\n")
    await until(lambda: running.of(BuildFailed))
    running.save("a.log", "one\n")
    await left_out(running, "a.log")
    assert len(running.of(BuildStarted)) == 2


async def test_a_rebuild_that_is_asked_for_takes_the_disk_as_it_is(running: Running) -> None:  # noqa: F811
    await running.served(1)
    leave_out(running, "*.log")
    running.save("a.log", "one\n")
    await left_out(running, "a.log")
    await running.loop.order(Rebuild())
    await running.served(2)
    assert await built_last(running) == (await running.project.read()).context_digest
    assert len(running.of(ReleaseServed)) == 2
