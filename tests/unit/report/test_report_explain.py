"""What `devbox explain` makes of the events of a build."""

from __future__ import annotations

from devbox.events import (
    BuildFailed,
    BuildFinished,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    Event,
    Failure,
    SessionStopped,
    StepInfo,
)
from devbox.model import StepState
from devbox.report.explain import explain_last, explanation_lines

_FROM = StepInfo(index=1, total=3, instruction="FROM base", state=StepState.CACHED)
_COPY = StepInfo(
    index=2,
    total=3,
    instruction="COPY requirements.txt .",
    state=StepState.DONE,
    seconds=0.05,
    reason="requirements.txt changed",
)
_LINE = "requirements.txt line 3: httpx==0.28.0 -> httpx==0.28.1"
_RUN = StepInfo(
    index=3, total=3, instruction="RUN pip install", state=StepState.DONE, seconds=4.2, reason=_LINE
)
_STARTED = BuildStarted(build=7, cause="requirements.txt")


def _told(*events: Event) -> list[str]:
    found = explain_last(events)
    assert found is not None
    return explanation_lines(found)


def test_each_step_is_told_with_its_seconds_and_why() -> None:
    ended = BuildFinished(build=7, image="sha256:1", seconds=4.6, steps=(_FROM, _COPY, _RUN), cached=1)
    assert _told(_STARTED, BuildStep(build=7, step=_COPY), ended, SessionStopped(reason="Ctrl-C")) == [
        "devbox: build 7 started: requirements.txt",
        "devbox: step 1/3 FROM base cached (nothing it builds upon changed)",
        "devbox: step 2/3 COPY requirements.txt . 0.05s (requirements.txt changed)",
        f"devbox: step 3/3 RUN pip install 4.20s ({_LINE})",
        "devbox: build 7 finished in 4.60s, 1 of 3 steps cached",
    ]


def test_a_failed_build_is_told_as_far_as_it_came() -> None:
    begun = _RUN.model_copy(update={"state": StepState.RUNNING, "seconds": 0.0})
    failed = _RUN.model_copy(update={"state": StepState.FAILED, "error": "exit code: 1"})
    failure = Failure(what="RUN pip install failed", cause="no such version", hint="see", exit_status=1)
    steps = [BuildStep(build=7, step=step) for step in (begun, _FROM, _COPY, failed)]
    ended = BuildFailed(build=7, step="RUN pip install", seconds=4.4, failure=failure)
    assert _told(_STARTED, *steps, ended)[1:] == [
        "devbox: step 1/3 FROM base cached (nothing it builds upon changed)",
        "devbox: step 2/3 COPY requirements.txt . 0.05s (requirements.txt changed)",
        f"devbox: step 3/3 RUN pip install failed after 4.20s ({_LINE})",
        "devbox: build 7 failed: RUN pip install (exit 1)",
        "devbox:   why: no such version",
        "devbox:   try: see",
    ]


def test_the_last_build_counts_also_where_numbers_begin_anew() -> None:
    superseded = BuildSuperseded(build=7, cause="app/main.py changed again", seconds=0.5)
    assert _told(_STARTED, superseded)[-1] == "devbox: build 7 superseded in 0.50s"
    again = BuildStarted(build=7, cause="first build of this session")
    assert _told(_STARTED, superseded, again) == [
        "devbox: build 7 started: first build of this session",
        "devbox: build 7 has not ended",
    ]


def test_without_a_build_there_is_nothing_to_explain() -> None:
    assert explain_last([]) is None
    assert explain_last([SessionStopped(reason="Ctrl-C")]) is None
