"""Sessions as a daemon would tell them, stamped with times, for every test of the renderers."""

from __future__ import annotations

from collections.abc import Sequence

from devbox.events import (
    AppExited,
    AppLog,
    BuildFailed,
    BuildFinished,
    BuildLog,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    ChangeDetected,
    ChangeIgnored,
    EngineBack,
    EngineLost,
    Event,
    Failure,
    ReleaseFailed,
    ReleaseServed,
    ReleaseStarted,
    SessionStarted,
    SessionStopped,
    StandbyChanged,
    StepInfo,
    TimingsInfo,
    WatchDegraded,
)
from devbox.model import StepState
from devbox.report.state import reduce
from devbox.report.viewstate import ViewState

URL = "http://127.0.0.1:8000"
INSTRUCTIONS = (
    "FROM python:3.13-slim",
    "WORKDIR /srv",
    "COPY requirements.txt .",
    "RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt",
    "COPY app app",
    'CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]',
)
PIP = INSTRUCTIONS[3]
REASONS = {
    INSTRUCTIONS[2]: "requirements.txt changed",
    PIP: f"follows {INSTRUCTIONS[2]}",
    INSTRUCTIONS[4]: f"follows {INSTRUCTIONS[2]}",
}
TRACEBACK = (
    "INFO:     Started server process [1]",
    "INFO:     Waiting for application startup.",
    "Traceback (most recent call last):",
    '  File "/usr/local/lib/python3.13/site-packages/uvicorn/importer.py", line 19, in import_from_string',
    "    module = importlib.import_module(module_str)",
    '  File "/srv/app/main.py", line 7, in <module>',
    "    from app.greetings import hello_worlds",
    "ImportError: cannot import name 'hello_worlds' from 'app.greetings' (/srv/app/greetings.py)",
)
PIP_ERROR = (
    "Collecting fastapi==0.115",
    "  Downloading fastapi-0.115.0-py3-none-any.whl (94 kB)",
    "Collecting uvicornn",
    "ERROR: Could not find a version that satisfies the requirement uvicornn",
    "ERROR: No matching distribution found for uvicornn",
)
PIP_FAILURE = Failure(
    what="RUN pip install -r requirements.txt failed",
    cause="pip found no distribution called uvicornn",
    hint="check the spelling in requirements.txt, line 2",
    log=PIP_ERROR,
    exit_status=1,
)
START_FAILURE = Failure(
    what="exited with status 1",
    cause="the application raised ImportError while it was imported",
    hint="fix app/main.py, line 7; the next save tries again",
    log=TRACEBACK,
    exit_status=1,
)
ENGINE_FAILURE = Failure(
    what="Docker does not answer",
    cause="connection refused at /var/run/docker.sock",
    hint="systemctl start docker",
)


def stamped(events: Sequence[Event], start: float = 1_700_000_000.0, apart: float = 0.01) -> list[Event]:
    """The events with `seq` and `at` as a bus gives them, `apart` seconds between two."""
    return [
        event.model_copy(update={"seq": number, "at": start + (number - 1) * apart})
        for number, event in enumerate(events, 1)
    ]


def state_after(events: Sequence[Event], apart: float = 0.01) -> ViewState:
    """What the screen knows after the events."""
    state = ViewState()
    for event in stamped(events, apart=apart):
        state = reduce(state, event)
    return state


def now_after(events: Sequence[Event], seconds: float = 0.0, apart: float = 0.01) -> float:
    """`seconds` after the last of the events."""
    return stamped(events, apart=apart)[-1].at + seconds


def started() -> SessionStarted:
    return SessionStarted(
        project="sample", root="/home/ann/sample", urls=(URL,), engine="Docker Engine 28.5.1", version="0.1.0"
    )


def step(number: int, state: StepState, seconds: float = 0.0, reason: str = "", total: int = 6) -> StepInfo:
    return StepInfo(
        index=number,
        total=total,
        instruction=INSTRUCTIONS[number - 1],
        state=state,
        seconds=seconds,
        reason=reason,
    )


def waiting(build: int) -> list[Event]:
    return [BuildStep(build=build, step=step(number, StepState.WAITING)) for number in range(1, 7)]


def first_build() -> list[Event]:
    """A project seen for the first time, its base image being pulled."""
    return [
        started(),
        ChangeDetected(cause="first build", added=("Dockerfile", "app/main.py"), seconds=0.02),
        BuildStarted(build=1, cause="first build"),
        BuildLog(build=1, step="pull python:3.13-slim", line="0 B of 45.6 MB", stream="progress"),
        BuildLog(build=1, step="pull python:3.13-slim", line="12.3 MB of 45.6 MB", stream="progress"),
    ]


def first_steps() -> list[Event]:
    return [
        *first_build(),
        *waiting(1),
        BuildStep(build=1, step=step(1, StepState.DONE, 2.4)),
        BuildStep(build=1, step=step(2, StepState.DONE, 0.05)),
        BuildStep(build=1, step=step(3, StepState.DONE, 0.04)),
        BuildStep(build=1, step=step(4, StepState.RUNNING)),
        BuildLog(build=1, step=PIP, line="Downloading fastapi-0.115.0-py3-none-any.whl (94 kB)"),
    ]


def first_served() -> list[Event]:
    done = tuple(step(number, StepState.DONE, 0.5) for number in range(1, 7))
    return [
        *first_steps(),
        BuildStep(build=1, step=step(4, StepState.DONE, 12.31)),
        BuildStep(build=1, step=step(5, StepState.DONE, 0.03)),
        BuildStep(build=1, step=step(6, StepState.DONE, 0.01)),
        BuildFinished(build=1, image="sha256:1", seconds=15.2, steps=done, cached=0),
        ReleaseStarted(revision=1, strategy="rolling"),
        AppLog(revision=1, stream="stderr", line="\x1b[32mINFO\x1b[0m:     Application startup complete."),
        ReleaseServed(
            revision=1,
            image="sha256:1",
            strategy="rolling",
            url=URL,
            timings=TimingsInfo(detect=0.02, context=0.011, build=15.2, boot=0.61, flip=0.004, total=15.9),
            cached=0,
            steps=6,
        ),
    ]


def quick_round(build: int, total: float = 0.072, path: str = "app/main.py") -> list[Event]:
    """A source-only edit on the warm way."""
    cached = tuple(step(number, StepState.CACHED) for number in (1, 2, 3, 4))
    copied = step(5, StepState.DONE, 0.012, f"{path} changed")
    last = step(6, StepState.CACHED)
    return [
        ChangeDetected(cause=path, modified=(path,), seconds=0.008),
        BuildStarted(build=build, cause=path, expected={INSTRUCTIONS[4]: f"{path} changed"}),
        *waiting(build),
        *(BuildStep(build=build, step=each) for each in cached),
        ReleaseStarted(revision=build, strategy="warm"),
        BuildStep(build=build, step=copied),
        BuildStep(build=build, step=last),
        BuildFinished(
            build=build, image=f"sha256:{build}", seconds=0.062, steps=(*cached, copied, last), cached=5
        ),
        AppLog(revision=build, stream="stderr", line="INFO:     Application startup complete."),
        ReleaseServed(
            revision=build,
            image=f"sha256:{build}",
            strategy="warm",
            url=URL,
            timings=TimingsInfo(
                detect=0.008,
                context=0.011,
                build=total - 0.01,
                stage=0.009,
                boot=0.037,
                flip=0.002,
                total=total,
            ),
            cached=5,
            steps=6,
        ),
    ]


def several_rounds() -> list[Event]:
    totals = (0.081, 0.074, 0.072, 0.131, 0.069, 0.075)
    rounds = [event for number, total in enumerate(totals, 2) for event in quick_round(number, total)]
    return [*first_served(), *rounds, StandbyChanged(revision=7, ready=True, modules=250, seconds=0.4)]


def dependency_build() -> list[Event]:
    """requirements.txt changed: pip runs."""
    return [
        *several_rounds(),
        ChangeDetected(cause="requirements.txt", modified=("requirements.txt",), seconds=0.008),
        BuildStarted(build=8, cause="requirements.txt", expected=REASONS),
        *waiting(8),
        BuildStep(build=8, step=step(1, StepState.CACHED)),
        BuildStep(build=8, step=step(2, StepState.CACHED)),
        BuildStep(build=8, step=step(3, StepState.DONE, 0.02, REASONS[INSTRUCTIONS[2]])),
        BuildStep(build=8, step=step(4, StepState.RUNNING, 0.0, REASONS[PIP])),
        BuildLog(build=8, step=PIP, line="  Downloading fastapi-0.115.0-py3-none-any.whl (94 kB)"),
    ]


def build_failed() -> list[Event]:
    return [
        *dependency_build(),
        BuildStep(build=8, step=step(4, StepState.FAILED, 2.1, REASONS[PIP])),
        BuildFailed(build=8, step=PIP, seconds=2.2, failure=PIP_FAILURE, serving=7),
    ]


def start_failed() -> list[Event]:
    release = quick_round(8)[:-1]
    return [*several_rounds(), *release, ReleaseFailed(revision=8, failure=START_FAILURE, serving=7)]


def first_start_failed() -> list[Event]:
    return [*first_served()[:-1], ReleaseFailed(revision=1, failure=START_FAILURE)]


def app_exited() -> list[Event]:
    return [*several_rounds(), AppExited(revision=7, exit_status=137, out_of_memory=True, log=TRACEBACK[:2])]


def engine_lost() -> list[Event]:
    return [*several_rounds(), EngineLost(failure=ENGINE_FAILURE)]


def fixing() -> list[Event]:
    """A build that may heal a failed one."""
    return [
        *build_failed(),
        BuildStarted(build=9, cause="requirements.txt", expected=REASONS),
        *waiting(9),
        BuildStep(build=9, step=step(1, StepState.CACHED)),
        BuildStep(build=9, step=step(2, StepState.CACHED)),
        BuildStep(build=9, step=step(3, StepState.DONE, 0.02, REASONS[INSTRUCTIONS[2]])),
        BuildStep(build=9, step=step(4, StepState.RUNNING, 0.0, REASONS[PIP])),
    ]


def everything_wrong() -> list[Event]:
    return [
        *fixing(),
        WatchDegraded(
            reason="the limit of inotify watches is reached",
            hint="sudo sysctl fs.inotify.max_user_watches=524288",
        ),
        EngineLost(failure=ENGINE_FAILURE),
    ]


def adopted() -> list[Event]:
    return [
        started(),
        ReleaseServed(
            revision=3,
            image="sha256:3",
            strategy="adopted",
            url=URL,
            timings=TimingsInfo(total=0.02),
        ),
    ]


def ignored() -> list[Event]:
    return [*several_rounds(), ChangeIgnored(reason="nothing changed", paths=("app/main.py",))]


def starting() -> list[Event]:
    return [
        *several_rounds(),
        ReleaseStarted(revision=6, strategy="rolling", reason="rollback asked for"),
    ]


def stopped() -> list[Event]:
    return [*several_rounds(), SessionStopped(reason="Ctrl-C", serving=True)]


def stopped_in_trouble() -> list[Event]:
    return [*build_failed(), SessionStopped(reason="Ctrl-C")]


def engine_back() -> list[Event]:
    return [*engine_lost(), EngineBack(engine="Docker Engine 28.5.1", seconds=12.3)]


def superseded() -> list[Event]:
    return [*dependency_build(), BuildSuperseded(build=8, cause="app/main.py changed again", seconds=0.3)]


STATES = {
    "nothing": list,
    "first_build": first_build,
    "first_steps": first_steps,
    "first_served": first_served,
    "several_rounds": several_rounds,
    "dependency_build": dependency_build,
    "build_failed": build_failed,
    "start_failed": start_failed,
    "first_start_failed": first_start_failed,
    "app_exited": app_exited,
    "engine_lost": engine_lost,
    "engine_back": engine_back,
    "fixing": fixing,
    "everything_wrong": everything_wrong,
    "adopted": adopted,
    "ignored": ignored,
    "starting": starting,
    "superseded": superseded,
    "stopped": stopped,
    "stopped_in_trouble": stopped_in_trouble,
}
