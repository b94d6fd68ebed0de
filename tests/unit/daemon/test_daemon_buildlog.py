"""What `devbox logs --build` reads, with and without a devbox that is at the build."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devbox.config import Config, load
from devbox.daemon.api.server import control_api
from devbox.daemon.buildlog import read_build_log
from devbox.daemon.extent import Extent
from devbox.daemon.lock import ProjectLock, make_runtime_directory, state_directory
from devbox.errors import UsageError
from devbox.events import BuildFinished, BuildLog, BuildStarted, Event, SessionStopped
from devbox.report.journal import Journal
from tests.unit.daemon.kit import Nothing, until

ALL = Extent()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        root = tmp_path / "shop"
        root.mkdir()
        yield load(root, {}, {})


def started(build: int) -> BuildStarted:
    return BuildStarted(build=build, cause="first build")


def wrote(line: str, build: int = 7, **changed: Any) -> BuildLog:
    return BuildLog(build=build, step="RUN make", line=line).model_copy(update=changed)


def journal(config: Config, *events: Event) -> None:
    """Writes them as one session would, a second apart."""
    kept = Journal(state_directory(config.root), lambda problem: None)
    for seq, event in enumerate(events, 1):
        kept(event.model_copy(update={"seq": seq, "at": 1000.0 + seq}))
    kept.close()


async def read(config: Config, build: int = 7, extent: Extent = ALL) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    said: list[str] = []
    await read_build_log(config, build, extent, lambda event: lines.append(event.line), said.append)
    return lines, said


PAST = (started(7), wrote("one"), wrote("two"), wrote("three"), started(8), wrote("of 8", 8), started(9))


@pytest.mark.parametrize(
    ("extent", "lines"),
    [
        (ALL, ["one", "two", "three"]),
        (Extent(tail=2), ["two", "three"]),
        (Extent(tail=0), []),
        (Extent(since=1003.0), ["two", "three"]),
        (Extent(since=1003.0, tail=1), ["three"]),
        (Extent(follow=True), ["one", "two", "three"]),
    ],
)
async def test_a_build_that_is_over_is_read_from_the_journal(
    config: Config, extent: Extent, lines: list[str]
) -> None:
    journal(config, *PAST)
    assert await read(config, extent=extent) == (lines, [])


async def test_what_was_not_written_or_not_kept_is_said(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no build 7 of shop is known") as unknown:
        await read(config)
    assert "devbox history" in unknown.value.hint
    journal(config, *PAST)
    assert await read(config, 9) == ([], ["the steps of build 9 wrote nothing"])
    kept = state_directory(config.root) / "build-log.jsonl"
    kept.with_name("build-log.jsonl.1").write_bytes(b"")
    lines = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(b"".join((lines[0], *lines[3:])))
    assert await read(config) == (["three"], ["what build 7 wrote first may not be kept any more"])
    kept.write_bytes(b"".join((lines[0], *lines[4:])))
    with pytest.raises(UsageError, match="nothing of what build 7 wrote is kept"):
        await read(config)


ENDS: list[Event] = [
    BuildFinished(build=7, image="i", seconds=1.0, steps=(), cached=0),
    SessionStopped(reason="Ctrl-C"),
]


@pytest.mark.parametrize("end", ENDS)
async def test_a_build_that_is_under_way_is_followed_to_its_end(config: Config, end: Event) -> None:
    control, directory = Nothing(), make_runtime_directory(config.root)
    told: tuple[Event, ...] = (started(7), wrote("one"), wrote("two"))
    journal(config, *told)
    control.building = 7
    lines: list[str] = []

    def tell(seq: int, event: Event) -> None:
        control.hub(event.model_copy(update={"seq": seq}))

    for seq, event in enumerate(told, 1):
        tell(seq, event)
    with ProjectLock(directory):
        async with control_api(directory, control):
            following = asyncio.create_task(
                read_build_log(
                    config, 7, Extent(True, 1), lambda event: lines.append(event.line), lines.append
                )
            )
            await until(lambda: lines == ["two"])
            tell(4, wrote("12 MB of 40 MB", stream="progress"))
            tell(5, wrote("of 8", 8))
            tell(6, wrote("three"))
            tell(7, BuildFinished(build=6, image="i", seconds=1.0, steps=(), cached=0))
            tell(8, wrote("four"))
            tell(9, end)
            await asyncio.wait_for(following, 10)
            # Over by now, as devbox sees it: nothing to wait for.
            control.building = 0
            assert await read(config, extent=Extent(follow=True, tail=1)) == (["two"], [])
            control.hub.close()
    assert lines == ["two", "three", "four"]
