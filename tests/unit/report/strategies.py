"""Random events: every kind, with the numbers, words and bytes that nobody promised not to send."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from devbox.events import AdviceInfo, Event, Failure, Problem, StepInfo, TimingsInfo
from devbox.model import StepState

WORDS = st.text(max_size=30) | st.sampled_from(
    [
        *("", "app/main.py", "RUN pip install -r requirements.txt", "http://127.0.0.1:8000"),
        *("12 MB of 45 MB", "\x1b[31mred\x1b[0m \x1b[2J", "[bold]markup[/bold] [/]", "漢字" * 30),
        *("e\u0301\U0001f1e9\U0001f1ea\U0001f469\u200d\U0001f467", "long " * 60, "a\r\nb", "\udc80"),
        *("back to what revision 1 serves", "adopted", "warm", "rollback", "Traceback\n  File"),
    ]
)
NUMBERS = st.integers(0, 12)
SECONDS = st.floats(0, 5000) | st.sampled_from([float("nan"), float("inf"), -1.0, 0.0])
LINES = st.lists(WORDS, max_size=20).map(tuple)
PROBLEMS = st.lists(
    st.builds(
        Problem,
        file=WORDS,
        line=NUMBERS,
        column=NUMBERS,
        severity=st.sampled_from(["error", "warning", "info"]),
        message=WORDS,
    ),
    max_size=3,
).map(tuple)
FAILURES = st.builds(
    Failure,
    what=WORDS,
    cause=WORDS,
    hint=WORDS,
    log=LINES,
    exit_status=st.none() | st.integers(0, 255),
    problems=PROBLEMS,
)
STEPS = st.builds(
    StepInfo,
    index=NUMBERS,
    total=NUMBERS,
    instruction=WORDS,
    state=st.sampled_from(StepState),
    stage=WORDS,
    seconds=SECONDS,
    reason=WORDS,
    error=WORDS,
)
TIMINGS = st.builds(
    TimingsInfo,
    **dict.fromkeys(TimingsInfo.model_fields, SECONDS),
)
ADVICE = st.builds(AdviceInfo, rule=WORDS, file=WORDS, line=NUMBERS, message=WORDS, hint=WORDS)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("build", "revision", "serving", "cached", "steps", "index", "total"), NUMBERS),
    "memory_limit": st.integers(0, 2**50),
    "command": WORDS,
    "state": st.sampled_from(StepState),
    "restarting": st.booleans(),
    "again": st.sampled_from(("", "rollback", "restart")),
    **dict.fromkeys(
        ("project", "root", "engine", "version", "reason", "hint", "cause", "step", "notice"), WORDS
    ),
    **dict.fromkeys(("line", "image", "strategy", "url"), WORDS),
    **dict.fromkeys(("urls", "paths", "added", "modified", "removed", "log", "services"), LINES),
    "seconds": SECONDS,
    "failure": FAILURES,
    "problems": PROBLEMS,
    "timings": TIMINGS,
    "exit_status": st.integers(0, 255),
    "out_of_memory": st.booleans(),
    **dict.fromkeys(("expected", "dropped"), st.dictionaries(WORDS, WORDS, max_size=3)),
    "ready": st.booleans(),
    "findings": st.lists(ADVICE, max_size=3).map(tuple),
    "finding": ADVICE,
    "exact": st.booleans(),
    "modules": NUMBERS,
    "stream": st.sampled_from(["stdout", "stderr"]),
    "at": st.floats(0, 10_000),
}
# Fields that mean something else in these kinds.
SPECIAL: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("session.stopped", "serving"): st.booleans(),
    ("build.step", "step"): STEPS,
    ("build.finished", "steps"): st.lists(STEPS, max_size=4).map(tuple),
    ("build.log", "stream"): st.sampled_from(["stdout", "stderr", "progress"]),
}


def _of(kind: type[Any]) -> st.SearchStrategy[Event]:
    name = kind.model_fields["kind"].default
    fields = {
        field: SPECIAL[name, field] if (name, field) in SPECIAL else FIELDS[field]
        for field in kind.model_fields
        if field not in ("v", "seq", "kind")
    }
    return st.builds(kind, **fields)


KINDS: tuple[type[Any], ...] = get_args(get_args(Event)[0])
EVENTS = st.one_of([_of(kind) for kind in KINDS])
SESSIONS = st.lists(EVENTS, max_size=25)
