"""How a project stands, event by event."""

from __future__ import annotations

from functools import reduce as fold

from hypothesis import given
from hypothesis import strategies as st

from devbox.daemon.standing import Standing, reduce
from devbox.events import (
    BACK_TO,
    AppExited,
    BuildFailed,
    BuildStarted,
    ChangeIgnored,
    Event,
    Failure,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    StandbyChanged,
    TimingsInfo,
    WatchPaused,
    WatchResumed,
)
from tests.unit.report.strategies import EVENTS

STARTED = SessionStarted(project="shop", root="/shop", urls=("http://127.0.0.1:1",), engine="e", version="0")
WHY = Failure(what="RUN false (exit 1)")


def served(number: int, strategy: str = "rolling") -> ReleaseServed:
    return ReleaseServed(
        revision=number, image=f"i{number}", strategy=strategy, url="u", timings=TimingsInfo()
    )


def after(*events: Event) -> Standing:
    return fold(reduce, (STARTED, *events), Standing())


def test_from_the_first_build_to_a_failure_and_back() -> None:
    assert after().state == "starting"
    assert after(BuildStarted(build=1, cause="first build")).building == 1
    first = (BuildStarted(build=1, cause="first build"), served(1))
    assert (after(*first).state, after(*first).revision, after(*first).building) == ("serving", 1, 0)
    failed = after(
        *first, BuildStarted(build=2, cause="a"), BuildFailed(build=2, seconds=0, failure=WHY, serving=1)
    )
    assert (failed.state, failed.revision, failed.failed) == ("serving", 1, 2)
    assert failed.failure is not None
    assert failed.failure.what == "build 2 failed: RUN false (exit 1)"
    healed = reduce(failed, ChangeIgnored(reason=f"{BACK_TO}what revision 1 serves"))
    assert (healed.failed, healed.failure) == (0, None)


def test_nothing_serves_after_a_first_failure_or_an_exit() -> None:
    first = after(ReleaseFailed(revision=1, failure=Failure(what="exited with status 3")))
    assert (first.state, first.failed) == ("failed", 1)
    ended = after(served(1), AppExited(revision=1, exit_status=1))
    assert (ended.state, ended.revision) == ("failed", 0)


def test_a_rollback_is_told_until_the_next_save_serves() -> None:
    back = (served(1), BuildStarted(build=2, cause="a"), served(2), served(1, "rollback"))
    assert after(*back).rolled_back
    assert after(*back, served(1, "restart")).rolled_back
    assert not after(*back, served(3)).rolled_back


def test_a_rollback_that_failed_says_nothing_of_the_newest_save() -> None:
    saved = (served(1), BuildStarted(build=2, cause="a"), served(2))
    failed = after(*saved, ReleaseFailed(revision=1, failure=WHY, serving=2))
    assert (failed.failed, failed.failure, failed.revision) == (0, None, 2)
    nothing = after(*saved, ReleaseFailed(revision=1, failure=WHY))
    assert (nothing.state, nothing.failed) == ("failed", 1)


def test_a_standby_is_gone_once_it_serves() -> None:
    ready = StandbyChanged(revision=1, ready=True)
    assert after(served(1), ready).standby
    assert not after(served(1), ready, served(2, "warm")).standby
    assert after(served(1), ready, served(1, "restart")).standby


def test_paused_until_resumed() -> None:
    assert after(WatchPaused()).paused
    assert not after(WatchPaused(), WatchResumed()).paused


@given(events=st.lists(EVENTS, max_size=12))
def test_any_events_leave_one_of_the_three_states(events: list[Event]) -> None:
    assert fold(reduce, events, Standing()).state in ("serving", "starting", "failed")
