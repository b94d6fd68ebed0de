"""What a journal may hold: builds with the times that a real daemon gives them, and their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from devbox.events import (
    BuildFailed,
    BuildFinished,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    ChangeDetected,
    Event,
    ReleaseFailed,
    ReleaseServed,
    ReleaseStarted,
    StepInfo,
    TimingsInfo,
    to_json,
)
from devbox.model import StepState
from devbox.report.journal_reader import Line
from tests.unit.report.sessions import INSTRUCTIONS, PIP, PIP_FAILURE, START_FAILURE, URL, started, step

NOON = 1_795_780_800.0


def lines_of(*sessions: Iterable[Event]) -> list[Line]:
    """The events as a journal holds them; their `seq` is given here, their `at` is kept."""
    lines = []
    for session, events in enumerate(sessions, 1):
        for seq, event in enumerate(events, 1):
            text = to_json(event.model_copy(update={"seq": seq})).encode()
            lines.append(Line((session, 0), seq, event.kind, text))
    return lines


def at(when: float, *events: Event) -> list[Event]:
    """The events, told at that time."""
    return [event.model_copy(update={"at": when}) for event in events]


def steps_with(pip: float, copied: str = "requirements.txt") -> tuple[StepInfo, ...]:
    """The steps of a build in which pip ran for so long; of one that copied the source only, for 0 s."""
    ran = StepState.DONE if pip else StepState.CACHED
    reason = f"{copied} line 3 added: httpx" if pip else ""
    return (
        step(1, StepState.CACHED),
        step(2, StepState.CACHED),
        step(3, ran, 0.02 if pip else 0.0, f"{copied} changed" if pip else ""),
        step(4, ran, pip, reason),
        step(5, StepState.DONE, 0.012, f"follows {INSTRUCTIONS[2]}" if pip else "app/main.py changed"),
        step(6, StepState.CACHED),
    )


def begun(number: int, when: float, cause: str, seen_for: float = 0.008) -> list[Event]:
    """A save at `when`, and the build that it leads to, begun 11 ms after it was seen."""
    return [
        *at(when + seen_for, ChangeDetected(cause=cause, modified=(cause,), seconds=seen_for)),
        *at(when + seen_for + 0.011, BuildStarted(build=number, cause=cause)),
    ]


def stepped(number: int, when: float, steps: Sequence[StepInfo]) -> list[Event]:
    """The steps as they come, one after the other from `when` on."""
    events: list[Event] = []
    for each in steps:
        waiting = each.model_copy(update={"state": StepState.WAITING, "seconds": 0.0})
        events += at(when, BuildStep(build=number, step=waiting))
    for each in steps:
        if each.state is not StepState.CACHED:
            running = each.model_copy(update={"state": StepState.RUNNING, "seconds": 0.0})
            events += at(when, BuildStep(build=number, step=running))
        when += each.seconds
        events += at(when, BuildStep(build=number, step=each))
    return events


def served(
    number: int,
    when: float,
    *,
    cause: str = "app/main.py",
    pip: float = 0.0,
    strategy: str = "",
    boot: float = 0.04,
    reason: str = "",
) -> list[Event]:
    """A save at `when` that is served, warm unless pip ran."""
    strategy = strategy or ("rolling" if pip else "warm")
    steps = steps_with(pip, cause)
    built = when + 0.019 + 0.03 + sum(each.seconds for each in steps)
    took = built - when - 0.019
    end = built + (0.005 if strategy == "warm" else boot) + 0.002
    timings = TimingsInfo(
        detect=0.008,
        context=0.011,
        build=round(took, 4),
        stage=0.009 if strategy == "warm" else 0.0,
        boot=boot,
        flip=0.002,
        total=round(end - when, 4),
    )
    cached = sum(each.state is StepState.CACHED for each in steps)
    image = f"sha256:{number}"
    released = ReleaseServed(
        revision=number, image=image, strategy=strategy, url=URL, timings=timings, cached=cached, steps=6
    )
    finished = BuildFinished(build=number, image=image, seconds=round(took, 4), steps=steps, cached=cached)
    if pip and not reason:
        reason = f"{PIP} is run again"
    return [
        *begun(number, when, cause),
        *stepped(number, when + 0.04, steps),
        *at(built, finished, ReleaseStarted(revision=number, strategy=strategy, reason=reason)),
        *at(end + 0.004, released),
    ]


def failed(number: int, when: float) -> list[Event]:
    """A save of requirements.txt that pip refuses after 2.1 s."""
    steps = list(steps_with(2.1))
    steps[3] = steps[3].model_copy(update={"state": StepState.FAILED, "error": "exit code: 1"})
    ran = stepped(number, when + 0.04, steps[:4])
    gone = BuildFailed(build=number, step=PIP, seconds=2.2, failure=PIP_FAILURE, serving=number - 1)
    return [*begun(number, when, "requirements.txt"), *ran, *at(when + 2.2, gone)]


def start_failed(number: int, when: float) -> list[Event]:
    """A save whose container exits."""
    gone = ReleaseFailed(revision=number, failure=START_FAILURE, serving=number - 1)
    return [*served(number, when, strategy="rolling")[:-1], *at(when + 1.7, gone)]


def superseded(number: int, when: float) -> list[Event]:
    """A save that another one calls off."""
    gone = BuildSuperseded(build=number, cause="app/main.py changed again", seconds=0.03)
    return [*begun(number, when, "app/main.py"), *at(when + 0.03, gone)]


def rolled_back(number: int, when: float) -> list[Event]:
    """An older revision let serve again."""
    timings = TimingsInfo(boot=0.6, flip=0.002, total=0.61)
    return [
        *at(when, ReleaseStarted(revision=number, strategy="rollback", reason="rollback asked for")),
        *at(
            when + 0.61,
            ReleaseServed(revision=number, image="sha256:1", strategy="rollback", url=URL, timings=timings),
        ),
    ]


def in_stages(number: int, when: float) -> list[Event]:
    """A build of two stages, one beside the other, of which one is still running."""
    names = ("FROM node:22", "RUN npm ci", "FROM python:3.13-slim", "RUN pip install -r requirements.txt")
    stages = ("web", "web", "", "")
    states = (StepState.CACHED, StepState.DONE, StepState.CACHED, StepState.RUNNING)
    steps = [
        StepInfo(index=n, total=4, instruction=name, state=state, stage=stage, seconds=float(n == 2) * 5)
        for n, (name, stage, state) in enumerate(zip(names, stages, states, strict=True), 1)
    ]
    running = [each.model_copy(update={"state": StepState.RUNNING, "seconds": 0.0}) for each in steps]
    told = [
        *at(when + 0.1, *(BuildStep(build=number, step=running[n]) for n in (1, 3))),
        *at(when + 0.1, *(BuildStep(build=number, step=steps[n]) for n in (0, 2))),
        *at(when + 5.1, BuildStep(build=number, step=steps[1])),
    ]
    return [*begun(number, when, "package.json and 1 more"), *told]


def a_day() -> list[list[Event]]:
    """Two sessions with everything that may become of a build, the last one cut off."""
    yesterday = NOON - 86_400
    first: list[Event] = [*at(yesterday, started()), *served(1, yesterday + 1, pip=15.2)]
    second: list[Event] = at(NOON, started())
    for number, pip in enumerate((6.1, 5.9, 6.4, 6.0), 2):
        first += served(number, yesterday + 60 * number, cause="requirements.txt", pip=pip, boot=0.61)
    for number in range(6, 14):
        second += served(number, NOON + 60 * number, boot=0.03 + 0.011 * (number % 4))
    second += served(14, NOON + 900, cause="requirements.txt", pip=41.2, boot=0.61)
    second += failed(15, NOON + 1000)
    second += start_failed(16, NOON + 1100)
    second += superseded(17, NOON + 1200)
    second += served(18, NOON + 1201, cause="app/routes/customers/very_long_name_of_a_module.py and 12 more")
    second += rolled_back(14, NOON + 1300)
    second += in_stages(19, NOON + 1400)
    return [first, second]


def without_escapes(text: str) -> str:
    """The text without what selects colours and makes links."""
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)
