from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given

from devbox.errors import BuildFailed as BuildFailedError
from devbox.errors import DevboxError
from devbox.events import (
    AdviceInfo,
    AppExited,
    AppLog,
    AppOutOfMemory,
    AppRaised,
    BuildAdvice,
    BuildAvoidable,
    BuildFailed,
    BuildLog,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    ChangeIgnored,
    ContextNotice,
    EngineBack,
    EngineLost,
    Event,
    Failure,
    Problem,
    ReleaseFailed,
    ReleaseLog,
    ReleaseServed,
    ReleaseStarted,
    ReleaseStep,
    ServicesFailed,
    ServicesLog,
    ServicesReady,
    ServicesStarting,
    SessionStarted,
    SessionStopped,
    StandbyChanged,
    StepInfo,
    TimingsInfo,
    WatchDegraded,
    WatchPaused,
    WatchResumed,
)
from devbox.model import StepState
from devbox.report import failure_lines, plain
from devbox.report.plain import lines
from devbox.report.printer import Plain
from tests.unit.report import sessions
from tests.unit.report.sessions import URL
from tests.unit.report.strategies import SESSIONS


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(events: Sequence[Event]) -> list[str]:
    stream = io.StringIO()
    with Plain(stream) as show:
        for event in sessions.stamped(events):
            show(event)
    return stream.getvalue().splitlines()


def test_a_session_letter_by_letter() -> None:
    assert told([*sessions.start_failed(), *sessions.quick_round(9), SessionStopped(reason="Ctrl-C")]) == [
        "devbox: project sample on Docker Engine 28.5.1, http://127.0.0.1:8000",
        "devbox: build 1 started: first build",
        "devbox: pull python:3.13-slim",
        "devbox: step 1/6 FROM python:3.13-slim 2.40s",
        "devbox: step 2/6 WORKDIR /srv 0.05s",
        "devbox: step 3/6 COPY requirements.txt . 0.04s",
        "devbox: step 4/6 RUN pip install -r requirements.txt 12.3s",
        "devbox: step 5/6 COPY app app 0.03s",
        'devbox: step 6/6 CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"] 0.01s',
        "app | INFO:     Application startup complete.",
        "devbox: revision 1 serving http://127.0.0.1:8000 in 15.9s (build 15.2s, 0 of 6 steps cached)",
        *(
            line
            for number, total, build in (
                *((2, "0.08s", "0.07s"), (3, "0.07s", "0.06s"), (4, "0.07s", "0.06s")),
                *((5, "0.13s", "0.12s"), (6, "0.07s", "0.06s"), (7, "0.07s", "0.07s")),
            )
            for line in (
                f"devbox: build {number} started: app/main.py",
                "devbox: step 5/6 COPY app app 0.01s (app/main.py changed)",
                "app | INFO:     Application startup complete.",
                f"devbox: revision {number} serving {URL} in {total} (build {build}, 5 of 6 steps cached)",
            )
        ),
        "devbox: build 8 started: app/main.py",
        "devbox: step 5/6 COPY app app 0.01s (app/main.py changed)",
        "app | INFO:     Application startup complete.",
        "devbox: revision 8 failed to start: exited with status 1, revision 7 keeps serving",
        *(f"app | {line}" for line in sessions.TRACEBACK),
        "devbox:   why: the application raised ImportError while it was imported",
        "devbox:   try: fix app/main.py, line 7; the next save tries again",
        "devbox: build 9 started: app/main.py",
        "devbox: step 5/6 COPY app app 0.01s (app/main.py changed)",
        "app | INFO:     Application startup complete.",
        "devbox: revision 9 serving http://127.0.0.1:8000 in 0.07s (build 0.06s, 5 of 6 steps cached)",
        "devbox: stopped: Ctrl-C",
    ]


def test_a_failed_build_letter_by_letter() -> None:
    assert told(sessions.build_failed())[-11:] == [
        "devbox: build 8 started: requirements.txt",
        "devbox: step 3/6 COPY requirements.txt . 0.02s (requirements.txt changed)",
        "devbox: build 8 failed: RUN pip install -r requirements.txt (exit 1)",
        "build | Collecting fastapi==0.115",
        "build |   Downloading fastapi-0.115.0-py3-none-any.whl (94 kB)",
        "build | Collecting uvicornn",
        "build | ERROR: Could not find a version that satisfies the requirement uvicornn",
        "build | ERROR: No matching distribution found for uvicornn",
        "devbox:   why: pip found no distribution called uvicornn",
        "devbox:   try: check the spelling in requirements.txt, line 2",
        "devbox:   revision 7 keeps serving",
    ]


def _step(
    instruction: str, seconds: float, reason: str = "", stage: str = "", index: int = 4, total: int = 6
) -> Event:
    info = StepInfo(
        index=index,
        total=total,
        instruction=instruction,
        state=StepState.DONE,
        stage=stage,
        seconds=seconds,
        reason=reason,
    )
    return BuildStep(build=7, step=info)


def _served(strategy: str, total: float, build: float = 0.0, steps: int = 0, revision: int = 7) -> Event:
    timings = TimingsInfo(build=build, total=total)
    cached = steps - 1 if steps else 0
    url = sessions.URL
    return ReleaseServed(
        revision=revision, image="i", strategy=strategy, url=url, timings=timings, cached=cached, steps=steps
    )


PIP = "RUN pip install -r requirements.txt"
ENGINE = "Docker Engine 20.10.24"
# What the table in the module's docstring says, made to happen.
ROOT = "the application runs as root"
EXAMPLES: tuple[Event, ...] = (
    SessionStarted(project="sample", root="/", urls=(sessions.URL,), engine=ENGINE, version="1"),
    SessionStopped(reason="Ctrl-C"),
    SessionStopped(reason="systemd stopped it", serving=True),
    EngineLost(failure=Failure(what="Docker does not answer")),
    EngineBack(engine=ENGINE, seconds=12.3),
    WatchDegraded(reason="the limit of inotify watches is reached"),
    WatchPaused(),
    WatchResumed(),
    ServicesStarting(services=("db", "cache")),
    ServicesLog(line="Container shop-db-1  Started"),
    ServicesReady(services=("db", "cache"), seconds=2.1),
    ServicesFailed(
        services=("db",), failure=Failure(what="service 'db' of compose.yaml exited with status 1")
    ),
    ChangeIgnored(reason="nothing changed", paths=("app/main.py",)),
    ChangeIgnored(reason="back to what revision 3 serves", paths=("app/main.py", "a", "b")),
    ContextNotice(notice=".env is part of the build context: an env file, which often holds secrets"),
    BuildStarted(build=7, cause="app/main.py"),
    _step(PIP, 12.31, "requirements.txt changed"),
    _step(PIP, 12.31, "requirements.txt line 3 added: httpx"),
    _step("RUN make", 0.5, stage="builder", index=2, total=3),
    BuildLog(build=7, step="pull python:3.13-slim", line="12.3 MB of 45.6 MB", stream="progress"),
    BuildFailed(
        build=7,
        step=PIP,
        seconds=1.0,
        failure=Failure(
            what="it failed",
            cause="pip found no version of fastapii",
            hint="check the name in requirements.txt",
            log=("ERROR: No matching distribution found for fastapii",),
            exit_status=1,
            problems=(
                Problem(
                    file="requirements.txt", line=3, message="No matching distribution found for fastapii"
                ),
            ),
        ),
        serving=6,
    ),
    BuildSuperseded(build=7, cause="app/main.py changed again", seconds=0.1),
    BuildSuperseded(build=5, cause="rebuild asked for", seconds=0.1, again="rollback"),
    BuildSuperseded(build=7, cause="rebuild asked for", seconds=0.1, again="restart"),
    BuildAdvice(
        findings=(AdviceInfo(rule="RootUser", file="Dockerfile", line=3, message=ROOT, hint="give it one"),)
    ),
    BuildAdvice(),
    BuildAvoidable(
        build=7,
        seconds=12.31,
        finding=AdviceInfo(rule="Order", file="Dockerfile", line=5, message="it is late", hint="move it"),
    ),
    StandbyChanged(revision=7, ready=False, reason="the application is no Python program"),
    StandbyChanged(revision=7, ready=True, dropped={"grpc": "it started a thread"}),
    ReleaseStarted(
        revision=7,
        strategy="rolling",
        reason="RUN pip install -r requirements.txt is run again",
    ),
    _served("warm", 0.14, build=0.08, steps=6),
    _served("recreate", 0.4),
    _served("adopted", 0.02, revision=3),
    ReleaseStep(revision=7, index=1, total=2, command="alembic upgrade head", state=StepState.RUNNING),
    ReleaseStep(
        revision=7, index=1, total=2, command="alembic upgrade head", state=StepState.DONE, seconds=0.84
    ),
    ReleaseLog(
        revision=7,
        command="alembic upgrade head",
        line="INFO  [alembic.runtime.migration] Running upgrade 1a2b -> 3c4d",
    ),
    _served("rollback", 0.4, revision=5),
    _served("restarted", 1.2),
    ReleaseFailed(
        revision=7,
        failure=Failure(
            what="exited with status 3",
            log=("ModuleNotFoundError: No module named 'fastapii'",),
            problems=(
                Problem(
                    file="app/main.py",
                    line=7,
                    column=1,
                    message="ModuleNotFoundError: No module named 'fastapii'",
                ),
            ),
        ),
        serving=6,
    ),
    ReleaseFailed(revision=7, failure=Failure(what="was killed: out of memory (limit 64 MB)"), serving=6),
    AppLog(revision=7, stream="stdout", line="INFO:     Application startup complete."),
    AppOutOfMemory(revision=7, memory_limit=64 << 20),
    AppRaised(
        revision=7,
        problems=(Problem(file="app/main.py", line=31, column=12, message="KeyError: 'tea'"),),
    ),
    AppExited(revision=7, exit_status=1),
    AppExited(revision=7, exit_status=1, restarting=True),
    AppExited(revision=7, exit_status=137, out_of_memory=True, memory_limit=64 << 20),
)


def test_the_table_in_the_docstring_is_what_is_printed() -> None:
    assert plain.__doc__
    table = [line.strip() for line in plain.__doc__.splitlines() if re.match(r" {8}\S", line)]
    heartbeats = [line for line in table if " still " in line]
    assert [line for line in table if line not in heartbeats] == list(
        dict.fromkeys(line for line in table if line in told(EXAMPLES))
    )
    assert len(heartbeats) == 4
    assert set(told(EXAMPLES)) <= set(table)


def test_the_places_of_a_failure_come_before_its_line() -> None:
    """An editor takes the failure's line for the end of its list."""
    problem = Problem(file="a b.py", line=3, severity="warning", message="two\nlines \x1b[31mred")
    failure = Failure(what="exited", problems=(problem,))
    assert lines(ReleaseFailed(revision=7, failure=failure))[0] == (
        "devbox: problem: a b.py:3: warning: two lines red"
    )
    exited = AppExited(revision=7, exit_status=1, problems=(problem,))
    assert [line.split(":")[1] for line in lines(exited)] == [" problem", " revision 7 exited with status 1"]


def test_a_failed_build_without_a_step_says_what_failed() -> None:
    event = BuildFailed(build=7, seconds=0.1, failure=Failure(what="the Dockerfile does not parse"))
    assert lines(event) == ["devbox: build 7 failed: the Dockerfile does not parse"]


def test_an_exit_does_not_repeat_log_lines_that_were_printed() -> None:
    said = told(
        [
            AppLog(revision=7, stream="stderr", line="Traceback"),
            AppExited(revision=7, exit_status=1, log=("Traceback", "KeyError: 'a'")),
        ]
    )
    assert said == ["app | Traceback", "devbox: revision 7 exited with status 1", "app | KeyError: 'a'"]


def test_foreign_text_cannot_forge_a_line() -> None:
    forged = "x\ndevbox: revision 9 serving http://evil"
    said = told(
        [AppLog(revision=1, stream="stdout", line=forged), BuildStarted(build=1, cause=f"{forged}\x1b[2J")]
    )
    assert said == [
        "app | x devbox: revision 9 serving http://evil",
        "devbox: build 1 started: x devbox: revision 9 serving http://evil",
    ]


class TestSignsOfLife:
    def setup_method(self) -> None:
        self.stream = io.StringIO()
        self.clock = Clock()
        self.show = Plain(self.stream, self.clock)

    def after(self, seconds: float) -> list[str]:
        """What is printed while the seconds pass, ten ticks in each."""
        self.stream.seek(0)
        self.stream.truncate()
        start = self.clock.now
        for tick in range(1, int(seconds * 10) + 1):
            self.clock.now = start + tick / 10
            self.show.tick()
        return self.stream.getvalue().splitlines()

    def running(self, seconds: float = 0.0) -> None:
        self.show(BuildStep(build=7, step=sessions.step(4, StepState.RUNNING, seconds)))

    def test_a_long_step(self) -> None:
        self.show(BuildStarted(build=7, cause="requirements.txt"))
        self.running()
        assert self.after(31) == [
            "devbox: step 4/6 RUN pip install -r requirements.txt still running, 10s",
            "devbox: step 4/6 RUN pip install -r requirements.txt still running, 20s",
            "devbox: step 4/6 RUN pip install -r requirements.txt still running, 30s",
        ]
        self.show(BuildStep(build=7, step=sessions.step(4, StepState.DONE, 31.0)))
        assert self.after(9) == []
        assert self.after(2) == ["devbox: build 7 still running, 41s"]

    def test_a_step_that_ran_before_it_was_reported(self) -> None:
        self.running(5.0)
        assert self.after(4) == []
        assert self.after(12) == [
            "devbox: step 4/6 RUN pip install -r requirements.txt still running, 10s",
            "devbox: step 4/6 RUN pip install -r requirements.txt still running, 20s",
        ]

    def test_a_pull_is_announced_once_and_then_tells_how_far_it_is(self) -> None:
        for amount in ("0 B", "6 MB", "12.3 MB"):
            line = f"{amount} of 45.6 MB"
            self.show(BuildLog(build=1, step="pull python:3.13-slim", line=line, stream="progress"))
        assert self.stream.getvalue() == "devbox: pull python:3.13-slim\n"
        assert self.after(11) == ["devbox: pull python:3.13-slim still running, 10s: 12.3 MB of 45.6 MB"]
        self.show(BuildStep(build=1, step=sessions.step(1, StepState.DONE, 11.0)))
        assert self.after(30) == []

    def test_a_revision_that_takes_long_to_start(self) -> None:
        self.show(ReleaseStarted(revision=7, strategy="rolling"))
        assert self.after(11) == ["devbox: revision 7 still starting, 10s"]
        self.show(_served("rolling", 11.5))
        assert self.after(30) == []

    def test_the_log_of_the_application_is_no_sign_of_life_of_the_build(self) -> None:
        self.show(BuildStarted(build=7, cause="x"))
        assert self.after(6) == []
        self.show(AppLog(revision=6, stream="stdout", line="GET /"))
        assert self.after(5) == ["devbox: build 7 still running, 10s"]

    @pytest.mark.parametrize(
        "end",
        [
            BuildSuperseded(build=7, cause="x changed again", seconds=1.0),
            SessionStopped(reason="Ctrl-C"),
            EngineLost(failure=Failure(what="no answer")),
            ChangeIgnored(reason="back to what revision 6 serves", paths=("x",)),
        ],
        ids=lambda event: event.kind,
    )
    def test_nothing_is_said_of_work_that_ended(self, end: Event) -> None:
        self.show(BuildStarted(build=7, cause="x"))
        self.running()
        self.show(ReleaseStarted(revision=7, strategy="rolling"))
        self.show(end)
        assert self.after(30) == []

    @pytest.mark.parametrize(
        "end",
        [
            BuildFailed(build=7, seconds=1.0, failure=Failure(what="no")),
            BuildStarted(build=8, cause="y"),
        ],
        ids=lambda event: event.kind,
    )
    def test_a_revision_that_was_given_up_is_not_waited_for(self, end: Event) -> None:
        self.show(ReleaseStarted(revision=7, strategy="rolling"))
        self.show(end)
        assert not any("revision 7" in line for line in self.after(30))


@given(SESSIONS)
def test_any_session_is_printed_in_lines_of_the_four_kinds(events: list[Event]) -> None:
    stream = io.StringIO()
    show = Plain(stream)
    for event in events:
        show(event)
        show.tick()
    for line in stream.getvalue().split("\n")[:-1]:
        assert line.startswith(("devbox: ", "app | ", "before | ", "build | ", "compose | "))
        assert not [character for character in line if unicodedata.category(character) in ("Cc", "Zl", "Zp")]


def test_messages() -> None:
    stream = io.StringIO()
    Plain(stream).message("stopping … (Ctrl-C again to leave at once)")
    assert stream.getvalue() == "devbox: stopping … (Ctrl-C again to leave at once)\n"


def test_errors_for_standard_error() -> None:
    error = BuildFailedError("the build failed", cause="line one\nline two", hint="look at the Dockerfile")
    assert failure_lines(error) == [
        "devbox: the build failed",
        "devbox:   why: line one",
        "devbox:   why: line two",
        "devbox:   try: look at the Dockerfile",
    ]
    assert failure_lines(DevboxError("just this")) == ["devbox: just this"]


class OnTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_advice_is_for_programs_and_for_vs_code_and_one_line_of_it_for_people() -> None:
    finding = AdviceInfo(rule="R", file="Dockerfile", line=2, message="it is so", hint="do this")
    avoidable = BuildAvoidable(build=7, seconds=2.0, finding=finding)
    shorter = "the last build would have been 2.00s shorter (devbox explain)"
    measured = f"devbox: advice: Dockerfile:2: do this: {shorter}"
    block = [
        "devbox: advice on the Dockerfile",
        *["devbox: advice: Dockerfile:2: warning: it is so; do this [R]"] * 2,
        "devbox: 2 pieces of advice (devbox explain shows the better lines)",
    ]
    cases: tuple[tuple[io.StringIO, dict[str, str], list[str]], ...] = (
        (io.StringIO(), {}, [*block, measured]),
        (OnTerminal(), {}, [measured]),
        (OnTerminal(), {"TERM_PROGRAM": "vscode"}, [*block, measured]),
    )
    for stream, environ, expected in cases:
        with Plain(stream, environ=environ) as show:
            show(BuildAdvice(findings=(finding, finding)))
            show(avoidable)
        assert stream.getvalue().splitlines() == expected


def test_what_may_be_saved_at_most_is_said_as_such() -> None:
    finding = AdviceInfo(rule="R", file="Dockerfile", line=2, message="it is so", hint="do this")
    (line,) = lines(BuildAvoidable(build=7, seconds=2.0, exact=False, finding=finding))
    assert "would have been up to 2.00s shorter" in line
