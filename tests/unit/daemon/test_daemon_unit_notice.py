"""What a service manager shows of a session, event by event."""

from __future__ import annotations

from devbox.daemon.unit.notice import Notice, told
from devbox.events import (
    BACK_TO,
    AppExited,
    BuildFailed,
    BuildStarted,
    ChangeIgnored,
    EngineBack,
    EngineLost,
    Event,
    Failure,
    ReleaseFailed,
    ReleaseServed,
    SessionStarted,
    SessionStopped,
    TimingsInfo,
)

URL = "http://127.0.0.1:8000"
BEGUN = SessionStarted(project="shop", root="/shop", urls=(URL,), engine="Docker 28", version="1")
SERVED = ReleaseServed(
    revision=3,
    image="i",
    strategy="warm",
    url=URL,
    timings=TimingsInfo(build=0.08, total=0.14),
    cached=5,
    steps=6,
)
SERVES = f"revision 3 serving {URL} in 0.14s (build 0.08s, 5 of 6 steps cached)"


def status(*events: Event) -> str:
    notice = Notice()
    for event in events:
        notice = told(notice, event)
    return notice.status


def test_what_serves_is_shown_and_a_build_of_the_next_one_is_no_news() -> None:
    assert status(BEGUN) == f"{URL} nothing serves yet"
    assert status(BEGUN, BuildStarted(build=1, cause="app.py")) == "build 1 started: app.py"
    assert status(BEGUN, SERVED) == SERVES
    assert status(BEGUN, SERVED, BuildStarted(build=4, cause="app.py")) == SERVES


def test_what_failed_is_shown_until_it_is_mended() -> None:
    failed = BuildFailed(
        build=4, step="RUN make", seconds=1, failure=Failure(what="no", exit_status=2), serving=3
    )
    assert status(BEGUN, SERVED, failed) == "build 4 failed: RUN make (exit 2), revision 3 keeps serving"
    refused = ReleaseFailed(revision=4, failure=Failure(what="exited with status 1"), serving=3)
    assert status(BEGUN, SERVED, refused).startswith("revision 4 failed to start: exited with status 1, rev")
    back = ChangeIgnored(reason=f"{BACK_TO}what revision 3 serves")
    assert status(BEGUN, SERVED, failed, back) == SERVES
    assert status(BEGUN, SERVED, failed, ChangeIgnored(reason="nothing changed")).startswith("build 4 failed")


def test_an_engine_that_comes_back_and_an_application_that_ends() -> None:
    lost = EngineLost(failure=Failure(what="Docker does not answer"))
    back = EngineBack(engine="Docker 28", seconds=3)
    assert status(BEGUN, SERVED, lost) == "engine lost: Docker does not answer"
    assert status(BEGUN, SERVED, lost, back) == SERVES
    ended = AppExited(revision=3, exit_status=1)
    assert status(BEGUN, SERVED, ended) == "revision 3 exited with status 1"
    assert status(BEGUN, SERVED, ended, lost, back) == "engine back after 3.00s: Docker 28"
    assert status(BEGUN, SERVED, SessionStopped(reason="terminated")) == "stopped: terminated"
