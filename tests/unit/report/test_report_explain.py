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
from devbox.report.explain import Explanation, Suggested, explain_last, explanation_lines

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


def test_a_step_that_follows_another_tells_what_changed_there() -> None:
    copied = _COPY.model_copy(update={"stage": "builder"})
    follows = "follows COPY requirements.txt . in builder"
    last = _RUN.model_copy(update={"instruction": "COPY --from=builder /a /a", "reason": follows})
    ended = BuildFinished(build=7, image="sha256:1", seconds=4.6, steps=(copied, last), cached=0)
    assert f"(requirements.txt changed; {follows})" in _told(_STARTED, ended)[2]


def _suggested(**fields: object) -> list[str]:
    given = {"rule": "R", "file": "Dockerfile", "line": 4, "message": "it is so", "hint": "do this"}
    found = Explanation(advice=(Suggested.model_validate({**given, **fields}),))
    told = explanation_lines(found)
    assert told[:3] == [
        "devbox: no build is known",
        "devbox: advice: Dockerfile:4: it is so [R]",
        "devbox:   try: do this",
    ]
    return told[3:]


def test_advice_with_its_better_lines() -> None:
    place = {"into": "Dockerfile", "first": 4, "last": 5, "better": ("RUN a", "", "  b")}
    assert _suggested(**place) == ["devbox:   lines 4 to 5 of Dockerfile:", "    RUN a", "", "      b"]
    assert _suggested(**{**place, "last": 4})[0] == "devbox:   line 4 of Dockerfile:"
    assert _suggested(**{**place, "last": 3})[0] == "devbox:   before line 4 of Dockerfile:"
    assert _suggested(**{**place, "into": ".dockerignore"})[0] == "devbox:   in .dockerignore:"
    assert _suggested(**{**place, "better": ()}) == ["devbox:   without lines 4 to 5 of Dockerfile"]
    assert _suggested() == []


def test_advice_comes_after_the_build() -> None:
    found = explain_last([_STARTED])
    assert found is not None
    assert explanation_lines(found.model_copy(update={"unadvised": "it does not parse"}))[-2:] == [
        "devbox: build 7 has not ended",
        "devbox: no advice: it does not parse",
    ]
    assert explanation_lines(Explanation()) == ["devbox: no build is known, and there is no advice"]
