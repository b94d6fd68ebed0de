"""The soak's own parts: what it does, what it counts, what it calls broken."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from bench.app import App
from bench.bars import Bar
from bench.child import BenchError, Child
from bench.idle import Idle
from bench.machine import Machine
from bench.soak.follower import Follower
from bench.soak.growth import Bound, Sample, growth, rows
from bench.soak.leftovers import left
from bench.soak.mix import BROKEN, Aside, Change, aside, change
from bench.soak.source import Source
from bench.soak.told import Found, as_text
from devbox.daemon.api.client import Client
from devbox.events import Event, ReleaseServed, StandbyChanged, TimingsInfo

MACHINE = Machine(cores=2, kernel="Linux 6.1", python="3.13.5", engine="Docker Engine 28.5.1")


def test_most_rebuilds_are_saves_and_no_broken_one_follows_another() -> None:
    changes = [change(number) for number in range(1, 501)]
    counted = Counter(changes)
    assert set(counted) == set(Change)
    assert counted[Change.EDIT] > 250
    assert sum(counted[each] for each in BROKEN) == 33
    assert 45 <= sum(counted[each] for each in (Change.DOCKERFILE, Change.ASKED, Change.REQUIREMENTS)) <= 50
    assert not any(a in BROKEN and b in BROKEN for a, b in pairwise(changes))


def test_nothing_is_rolled_back_right_before_a_save_that_fails() -> None:
    """The answer expected then would be the one of the revision that was rolled back to."""
    asides = {number: aside(number) for number in range(1, 501)}
    assert set(asides.values()) == {Aside.ROLLBACK, Aside.RESTART, None}
    assert not [n for n, what in asides.items() if what is Aside.ROLLBACK and change(n) in BROKEN]


def test_each_save_heals_the_one_before(tmp_path: Path) -> None:
    app = App.sample(tmp_path / "app")
    source = Source(app)
    main, dockerfile = app.folder / "app" / "main.py", app.folder / "Dockerfile"
    whole = dockerfile.read_text()
    with_env = source.save(Change.DOCKERFILE, 1)
    assert "ENV SOAK=1\nCOPY app app\n" in dockerfile.read_text()
    source.save(Change.SYNTAX, 2)
    assert "def broken(:" in main.read_text()
    source.save(Change.FAILING, 3)
    assert "def broken(:" not in main.read_text()
    assert "exit 7" in dockerfile.read_text()
    healed = source.save(Change.EDIT, 4)
    assert dockerfile.read_text() == whole.replace("COPY app app\n", "ENV SOAK=1\nCOPY app app\n")
    assert f'GREETING = "{healed}"' in main.read_text()
    assert healed != with_env


def test_a_module_comes_and_the_one_before_goes(tmp_path: Path) -> None:
    app = App.sample(tmp_path / "app")
    source = Source(app)
    source.save(Change.MODULE, 6)
    source.save(Change.MODULE, 14)
    assert [path.name for path in (app.folder / "app").glob("module_*")] == ["module_14.py"]


def samples(values: list[float], every: int = 50) -> list[Sample]:
    return [Sample((index + 1) * every, {"memory": value}) for index, value in enumerate(values)]


def test_growth_is_told_in_100_rebuilds_and_takes_no_notice_of_one_bad_moment() -> None:
    assert growth([(0, 1.0), (50, 1.5), (100, 2.0), (150, 2.5)]) == pytest.approx(1.0)
    assert growth([(0, 7.0), (50, 7.0), (100, 90.0), (150, 7.0), (200, 7.0)]) == 0
    assert growth([(0, 1.0), (50, 2.0), (100, 3.0)]) is None


def test_what_grows_only_until_it_is_full_is_not_broken() -> None:
    (row,) = rows(samples([1, 2, 3, 4, 5, 5, 5, 5, 5, 5]), {"memory": Bound(10, 0.1)})
    assert (row.first, row.last, row.most, row.growth, row.broken) == (1, 5, 5, 0, ())


def test_what_goes_on_growing_is_broken_and_so_is_what_was_too_much_once() -> None:
    (row,) = rows(samples([float(value) for value in range(10)]), {"memory": Bound(100, 1)})
    assert row.broken == ("grows by 2.00 > 1 in 100 rebuilds",)
    (row,) = rows(samples([1, 20, 1]), {"memory": Bound(10, 1)})
    assert row.broken == ("20.0 > 10",)


def test_of_a_short_run_growth_is_told_and_not_judged() -> None:
    (row,) = rows(samples([1, 2, 3, 4]), {"memory": Bound(100, 0)})
    assert (row.growth, row.broken) == (2, ())


async def test_what_is_left_is_named(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    (tmp_path / "run").mkdir()
    environment = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    with socket.socket(socket.AF_UNIX) as gate, socket.create_server(("127.0.0.1", 0)) as port:
        gate.bind(str(tmp_path / "run" / "gate.sock"))
        url = f"http://127.0.0.1:{port.getsockname()[1]}"
        child = await Child.start(program, tmp_path, tmp_path / "log", environment)
        try:
            async with asyncio.timeout(10):
                # Its environment is there a moment after its process is.
                while len(found := left(tmp_path / "run", url)) < 4:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            await child.stop(5)
        path = tmp_path / "run" / "gate.sock"
        assert found == (f"process {child.pid}", f"socket {path}", f"file {path}", f"port of {url}")
    path.unlink()
    assert left(tmp_path / "run", url) == ()


def served(seq: int) -> Event:
    return ReleaseServed(
        seq=seq, revision=seq, image="i", strategy="warm", url="http://127.0.0.1:1", timings=TimingsInfo()
    )


class StandIn(Client):
    """Tells a few events, the last one when it is let."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.go_on = asyncio.Event()

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        yield StandbyChanged(seq=1, revision=1, ready=True)
        yield served(2)
        await self.go_on.wait()
        yield StandbyChanged(seq=3, revision=2, ready=True)


async def test_a_standby_of_before_is_not_taken_for_the_one_that_is_waited_for() -> None:
    client = StandIn()
    async with Follower(client) as follower:
        with pytest.raises(TimeoutError):
            await follower.standing_by(2, 0.05)
        client.go_on.set()
        await follower.standing_by(2, 5)
        assert (await follower.until(lambda event: event.kind == "release.served", 1, 5)).seq == 2
        with pytest.raises(BenchError, match="ended"):
            await follower.until(lambda event: event.kind == "release.served", 2, 5)
    assert follower.strategies == {"warm": 1}


def found(*, failed: int = 0, left: tuple[str, ...] = (), said: str = "", growing: bool = False) -> Found:
    values = [float(value) for value in range(10)] if growing else [1.0] * 10
    return Found(
        rebuilds=500,
        seconds=1200.0,
        every=50,
        rows=rows(samples(values), {"memory": Bound(100, 1)}),
        done={"devbox rebuild": 16},
        kinds={"build.started": 500},
        strategies={"warm": 450, "rolling": 50},
        reasons={"the Dockerfile changed": 20},
        clients=123,
        requests=12_000,
        failed=failed,
        surprises=(),
        idle={"before": Idle(60.0, 0.006, 79.0)},
        bars=(Bar("devbox --help, seconds", 0.1, 0.2),),
        left=left,
        kept=5,
        said=said,
        machine=MACHINE,
    )


def test_the_text_has_every_figure() -> None:
    lines = as_text(found()).splitlines()
    assert "memory      1       1     1     1    +0.00  ≤ 100, +1" in lines
    assert "served: 50 × rolling · 450 × warm" in lines
    assert "idle before: 0.60% of a core, 79 MB, over 60 s" in lines
    assert "after devbox down: nothing is left (5 images kept)" in lines
    assert lines[-1] == "every bound holds"


@pytest.mark.parametrize(
    "bad", [found(failed=1), found(left=("process 7",)), found(said="Traceback"), found(growing=True)]
)
def test_one_thing_that_should_not_be_fails_all(bad: Found) -> None:
    assert not bad.holds
    assert as_text(bad).splitlines()[-1] == "NOT every bound holds"
