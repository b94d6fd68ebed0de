"""One line per event of interest, the same letters every time: editors hold on to these lines.

    session.started
        devbox: project sample on Docker Engine 20.10.24, http://127.0.0.1:8000
    session.stopped
        devbox: stopped: Ctrl-C
        devbox: stopped: systemd stopped it, the application keeps serving
    engine.lost
        devbox: engine lost: Docker does not answer
    engine.back
        devbox: engine back after 12.3s: Docker Engine 20.10.24
    watch.degraded
        devbox: watching degraded: the limit of inotify watches is reached
    watch.paused
        devbox: watching paused
    watch.resumed
        devbox: watching again
    services.starting
        devbox: starting db, cache with Docker Compose
    services.log
        compose | Container shop-db-1  Started
    services.ready
        devbox: db, cache ready in 2.10s
    services.failed
        devbox: service 'db' of compose.yaml exited with status 1
    change.ignored
        devbox: app/main.py touched, nothing changed
        devbox: app/main.py and 2 more touched, back to what revision 3 serves
        devbox: nothing left to build
    context.notice
        devbox: notice: .env is part of the build context: an env file, which often holds secrets
    build.started
        devbox: build 7 started: app/main.py
    build.step
        devbox: step 4/6 RUN pip install -r requirements.txt 12.3s (requirements.txt changed)
        devbox: step 4/6 RUN pip install -r requirements.txt 12.3s (requirements.txt line 3 added: httpx)
        devbox: step builder 2/3 RUN make 0.50s
    build.log
        devbox: pull python:3.13-slim
    build.failed
        devbox: build 7 failed: RUN pip install -r requirements.txt (exit 1)
        devbox:   revision 6 keeps serving
    build.superseded
        devbox: build 7 superseded: app/main.py changed again
        devbox: rollback to revision 5 superseded: rebuild asked for
        devbox: restart of revision 7 superseded: rebuild asked for
    build.advice (the first line and the last are printed even where nothing is left; see `Plain`)
        devbox: advice on the Dockerfile
        devbox: advice: Dockerfile:3: warning: the application runs as root; give it one [RootUser]
        devbox: 1 piece of advice (devbox explain shows the better lines)
        devbox: no advice any more
    build.avoidable
        devbox: advice: Dockerfile:5: move it: the last build would have been 12.3s shorter (devbox explain)
    standby.changed
        devbox: no standby for revision 7: the application is no Python program
        devbox: standby for revision 7 loads grpc late: it started a thread
    release.started
        devbox: revision 7 rolling: RUN pip install -r requirements.txt is run again
    release.step
        devbox: before start 1/2 alembic upgrade head 0.84s
    release.log
        before | INFO  [alembic.runtime.migration] Running upgrade 1a2b -> 3c4d
    release.served
        devbox: revision 7 serving http://127.0.0.1:8000 in 0.14s (build 0.08s, 5 of 6 steps cached)
        devbox: revision 7 serving http://127.0.0.1:8000 in 0.40s (recreate)
        devbox: revision 3 serving http://127.0.0.1:8000 in 0.02s (adopted)
        devbox: revision 5 serving http://127.0.0.1:8000 in 0.40s (rollback)
        devbox: revision 7 serving http://127.0.0.1:8000 in 1.20s (restarted)
    release.failed
        devbox: revision 7 failed to start: exited with status 3, revision 6 keeps serving
        devbox: revision 7 failed to start: was killed: out of memory (limit 64 MB), revision 6 keeps serving
    app.log
        app | INFO:     Application startup complete.
    app.raised
        devbox: problem: app/main.py:31:12: error: KeyError: 'tea'
    app.out_of_memory
        devbox: a process of revision 7 was killed: out of memory (limit 64 MB)
    app.exited
        devbox: revision 7 exited with status 1
        devbox: revision 7 exited with status 1, Docker starts it again
        devbox: revision 7 was killed: out of memory (limit 64 MB)

    every failure, above its line, where devbox knows the places that it comes from
        devbox: problem: app/main.py:7:1: error: ModuleNotFoundError: No module named 'fastapii'
        devbox: problem: requirements.txt:3: error: No matching distribution found for fastapii

    every failure, below its line
        build | ERROR: No matching distribution found for fastapii
        app | ModuleNotFoundError: No module named 'fastapii'
        devbox:   why: pip found no version of fastapii
        devbox:   try: check the name in requirements.txt

    every 10 seconds without another line, while work goes on
        devbox: step 4/6 RUN pip install -r requirements.txt still running, 20s
        devbox: pull python:3.13-slim still running, 20s: 12.3 MB of 45.6 MB
        devbox: build 7 still running, 20s
        devbox: revision 7 still starting, 20s

Not printed: change.detected, build.finished, a standby that is ready, release.started without a reason (the
lines around them say it), steps that were cached or only began, the output of steps that succeed.
Instructions are cut to 60 characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from devbox.endings import how_it_ended, killed_for_memory
from devbox.events import (
    BACK_TO,
    AppExited,
    AppLog,
    AppOutOfMemory,
    AppRaised,
    BuildAdvice,
    BuildAvoidable,
    BuildFailed,
    BuildStarted,
    BuildStep,
    BuildSuperseded,
    ChangeIgnored,
    ContextNotice,
    EngineBack,
    EngineLost,
    Failure,
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
    WatchDegraded,
    WatchPaused,
    WatchResumed,
)
from devbox.model import StepState
from devbox.report.advice import advice_told, place_of, shorter
from devbox.report.failure import PREFIX, problem_lines, reason_lines
from devbox.report.pulse import step_name
from devbox.report.text import clean, named, round_named, seconds, shorten


@singledispatch
def lines(event: object) -> list[str]:
    """The lines for one event, without line ends; none for an event that needs no line of its own."""
    del event
    return []


def own(text: str) -> str:
    """A line of devbox's own."""
    return PREFIX + text


def _app(log: Iterable[str]) -> list[str]:
    return [f"app | {clean(line)}" for line in log]


def _compose(log: Iterable[str]) -> list[str]:
    return [f"compose | {clean(line)}" for line in log]


def _reasons(failure: Failure) -> list[str]:
    return reason_lines(failure.cause, failure.hint)


@lines.register
def _(event: SessionStarted) -> list[str]:
    where = "".join(f", {clean(url)}" for url in event.urls)
    return [own(f"project {clean(event.project)} on {clean(event.engine)}{where}")]


@lines.register
def _(event: SessionStopped) -> list[str]:
    return [
        own(f"stopped: {clean(event.reason)}{', the application keeps serving' if event.serving else ''}")
    ]


@lines.register
def _(event: EngineLost) -> list[str]:
    return [own(f"engine lost: {clean(event.failure.what)}"), *_reasons(event.failure)]


@lines.register
def _(event: EngineBack) -> list[str]:
    return [own(f"engine back after {seconds(event.seconds)}: {clean(event.engine)}")]


@lines.register
def _(event: WatchDegraded) -> list[str]:
    return [own(f"watching degraded: {clean(event.reason)}"), *reason_lines("", event.hint)]


@lines.register
def _(event: WatchPaused) -> list[str]:
    del event
    return [own("watching paused")]


@lines.register
def _(event: WatchResumed) -> list[str]:
    del event
    return [own("watching again")]


@lines.register
def _(event: ServicesStarting) -> list[str]:
    return [own(f"starting {clean(', '.join(event.services))} with Docker Compose")]


@lines.register
def _(event: ServicesLog) -> list[str]:
    return _compose((event.line,))


@lines.register
def _(event: ServicesReady) -> list[str]:
    return [own(f"{clean(', '.join(event.services))} ready in {seconds(event.seconds)}")]


@lines.register
def _(event: ServicesFailed) -> list[str]:
    failure = event.failure
    return [own(clean(failure.what)), *_compose(failure.log), *_reasons(failure)]


@lines.register
def _(event: ChangeIgnored) -> list[str]:
    touched = own(f"{named(event.paths)} touched, {clean(event.reason)}")
    # An editor takes the first for the beginning of a round that ends with the second: its list gets empty.
    return [touched, own("nothing left to build")] if event.reason.startswith(BACK_TO) else [touched]


@lines.register
def _(event: ContextNotice) -> list[str]:
    return [own(f"notice: {clean(event.notice)}")]


@lines.register
def _(event: BuildStarted) -> list[str]:
    return [own(f"build {event.build} started: {clean(event.cause)}")]


@lines.register
def _(event: BuildStep) -> list[str]:
    step = event.step
    if step.state is not StepState.DONE:
        return []
    reason = f" ({clean(step.reason)})" if step.reason else ""
    place = step_name(step.stage, step.index, step.total)
    return [own(f"{place} {shorten(step.instruction)} {seconds(step.seconds)}{reason}")]


@lines.register
def _(event: BuildFailed) -> list[str]:
    failure = event.failure
    what = shorten(event.step) if event.step else clean(failure.what)
    status = "" if failure.exit_status is None else f" (exit {failure.exit_status})"
    serving = [own(f"  revision {event.serving} keeps serving")] if event.serving else []
    log = [f"build | {clean(line)}" for line in failure.log]
    failed = own(f"build {event.build} failed: {what}{status}")
    return [*problem_lines(failure.problems), failed, *log, *_reasons(failure), *serving]


@lines.register
def _(event: BuildSuperseded) -> list[str]:
    return [own(f"{round_named(event.build, event.again)} superseded: {clean(event.cause)}")]


@lines.register
def _(event: BuildAdvice) -> list[str]:
    count = len(event.findings)
    pieces = f"{count} piece{'s' if count > 1 else ''} of advice (devbox explain shows the better lines)"
    advice = [own(f"advice: {place_of(each)}: warning: {advice_told(each)}") for each in event.findings]
    return [own("advice on the Dockerfile"), *advice, own(pieces if count else "no advice any more")]


@lines.register
def _(event: BuildAvoidable) -> list[str]:
    what = f"{place_of(event.finding)}: {clean(event.finding.hint)}"
    return [own(f"advice: {what}: {shorter(event)} (devbox explain)")]


@lines.register
def _(event: StandbyChanged) -> list[str]:
    if not event.ready:
        return [own(f"no standby for revision {event.revision}: {clean(event.reason)}")]
    what = f"standby for revision {event.revision} loads"
    return [own(f"{what} {clean(name)} late: {clean(why)}") for name, why in event.dropped.items()]


@lines.register
def _(event: ReleaseStarted) -> list[str]:
    reason = clean(event.reason)
    return [own(f"revision {event.revision} {clean(event.strategy)}: {reason}")] if reason else []


@lines.register
def _(event: ReleaseStep) -> list[str]:
    if event.state is not StepState.DONE:
        return []
    place = f"before start {event.index}/{event.total}"
    return [own(f"{place} {shorten(event.command)} {seconds(event.seconds)}")]


@lines.register
def _(event: ReleaseLog) -> list[str]:
    return [f"before | {clean(event.line)}"]


@lines.register
def _(event: ReleaseServed) -> list[str]:
    took = event.timings
    if event.strategy in ("adopted", "rollback", "restart", "restarted"):
        how = event.strategy
    elif took.build or event.steps:
        cached = f", {event.cached} of {event.steps} steps cached" if event.steps else ""
        how = f"build {seconds(took.build)}{cached}"
    else:
        how = clean(event.strategy)
    return [own(f"revision {event.revision} serving {clean(event.url)} in {seconds(took.total)} ({how})")]


@lines.register
def _(event: ReleaseFailed) -> list[str]:
    serving = f", revision {event.serving} keeps serving" if event.serving else ""
    what = f"revision {event.revision} failed to start: {clean(event.failure.what)}{serving}"
    log, reasons = _app(event.failure.log), _reasons(event.failure)
    return [*problem_lines(event.failure.problems), own(what), *log, *reasons]


@lines.register
def _(event: AppLog) -> list[str]:
    return _app((event.line,))


@lines.register
def _(event: AppRaised) -> list[str]:
    return problem_lines(event.problems)


@lines.register
def _(event: AppOutOfMemory) -> list[str]:
    return [own(f"a process of revision {event.revision} {killed_for_memory(event.memory_limit)}")]


@lines.register
def _(event: AppExited) -> list[str]:
    how = how_it_ended(event.exit_status, killed=event.out_of_memory, limit=event.memory_limit)
    what = f"revision {event.revision} {how}{', Docker starts it again' if event.restarting else ''}"
    return [*problem_lines(event.problems), own(what), *_app(event.log)]
