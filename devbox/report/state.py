"""How each event changes what the live screen knows. Pure: no clock, no terminal."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

from devbox.endings import out_of_memory
from devbox.events import (
    BACK_TO,
    AppExited,
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
    WatchDegraded,
    WatchPaused,
    WatchResumed,
)
from devbox.model import StepState
from devbox.report.progress import ends_pull, part_of
from devbox.report.text import named
from devbox.report.viewstate import (
    BuildView,
    EngineGone,
    PullView,
    ReleaseView,
    ServedView,
    StandbyView,
    StepView,
    Trouble,
    ViewState,
)

_HISTORY = 60
# What follows no save tells nothing about how long a save takes.
_NO_SAVE = ("adopted", "rollback", "restart", "restarted")


def reduce(state: ViewState, event: Event) -> ViewState:
    """The state after the event; the same state where the event changes nothing on the screen."""
    return _apply(event, state)


@singledispatch
def _apply(event: object, state: ViewState) -> ViewState:
    del event
    return state


@_apply.register
def _(event: SessionStarted, state: ViewState) -> ViewState:
    return ViewState(
        project=event.project, urls=event.urls, engine=event.engine, at=event.at, message=state.message
    )


@_apply.register
def _(event: SessionStopped, state: ViewState) -> ViewState:
    return replace(state, stopped=event, build=None, release=None, message="", note="")


@_apply.register
def _(event: EngineLost, state: ViewState) -> ViewState:
    since = state.gone.at if state.gone else event.at
    standby = replace(state.standby, ready=False)
    return replace(state, gone=EngineGone(event.failure, since), build=None, release=None, standby=standby)


@_apply.register
def _(event: EngineBack, state: ViewState) -> ViewState:
    return replace(state, gone=None, engine=event.engine)


@_apply.register
def _(event: WatchDegraded, state: ViewState) -> ViewState:
    return replace(state, degraded=(event.reason, event.hint))


@_apply.register
def _(event: WatchPaused, state: ViewState) -> ViewState:
    del event
    return replace(state, paused=True)


@_apply.register
def _(event: WatchResumed, state: ViewState) -> ViewState:
    del event
    return replace(state, paused=False)


@_apply.register
def _(event: StandbyChanged, state: ViewState) -> ViewState:
    return replace(state, standby=StandbyView(event.revision, event.ready, event.reason))


@_apply.register
def _(event: ChangeDetected, state: ViewState) -> ViewState:
    del event
    return replace(state, note="")


@_apply.register
def _(event: ChangeIgnored, state: ViewState) -> ViewState:
    state = replace(state, note=f"{named(event.paths)} touched, {event.reason}")
    if not event.reason.startswith(BACK_TO):
        return state
    # What is on disk is what serves again: nothing is left of what was tried. An application that exited is
    # not brought back by it.
    exited = state.trouble is not None and state.trouble.kind == "exit"
    return replace(state, build=None, release=None, trouble=state.trouble if exited else None)


@_apply.register
def _(event: BuildStarted, state: ViewState) -> ViewState:
    build = BuildView(event.build, event.cause, event.at, dict(event.expected))
    return replace(state, build=build, release=None, cause=(event.build, event.cause), note="")


@_apply.register
def _(event: BuildStep, state: ViewState) -> ViewState:
    build = _known(state.build, event.build)
    if build is None:
        return state
    step = StepView(event.step, event.at)
    steps = _with_step(build.steps, step)
    pull = None if ends_pull(event.step) else build.pull
    return replace(state, build=replace(build, steps=steps, pull=pull))


def _with_step(steps: tuple[StepView, ...], new: StepView) -> tuple[StepView, ...]:
    """The steps with `new` in its place: stages in the order they were seen, steps by their index."""
    key = (new.info.stage, new.info.index, new.info.instruction)
    others = [step for step in steps if (step.info.stage, step.info.index, step.info.instruction) != key]
    stages = list(dict.fromkeys([*(step.info.stage for step in steps), new.info.stage]))
    return tuple(sorted([*others, new], key=lambda step: (stages.index(step.info.stage), step.info.index)))


@_apply.register
def _(event: BuildLog, state: ViewState) -> ViewState:
    build = _known(state.build, event.build)
    if build is None:
        return state
    if event.stream != "progress":
        return replace(state, build=replace(build, output=(event.step, event.line)))
    since = build.pull.at if build.pull and build.pull.step == event.step else event.at
    pull = PullView(event.step, event.line, since, part_of(event.line))
    return replace(state, build=replace(build, pull=pull))


@_apply.register
def _(event: BuildFinished, state: ViewState) -> ViewState:
    build = _known(state.build, event.build)
    if build is None:
        build = BuildView(event.build, "", event.at)
    steps = build.steps
    for info in event.steps:
        steps = _with_step(steps, StepView(info, event.at))
    return replace(_without_build(state, event.build), last=_ended(replace(build, steps=steps)))


def _known(build: BuildView | None, number: int) -> BuildView | None:
    return build if build is not None and build.number == number else None


def _ended(build: BuildView) -> BuildView:
    """The build as it is remembered: nothing of it runs any more."""
    steps = tuple(
        replace(step, info=step.info.model_copy(update={"state": StepState.CANCELLED}))
        if step.info.state is StepState.RUNNING
        else step
        for step in build.steps
    )
    return replace(build, steps=steps, output=("", ""), pull=None)


@_apply.register
def _(event: BuildFailed, state: ViewState) -> ViewState:
    trouble = Trouble("build", event.build, event.failure, event.serving, event.step)
    build = _known(state.build, event.build)
    last = _ended(build) if build else state.last
    state = _without_release(_without_build(state, event.build), event.build)
    return replace(state, last=last, trouble=trouble, serving=event.serving, note="")


@_apply.register
def _(event: BuildSuperseded, state: ViewState) -> ViewState:
    return _without_release(_without_build(state, event.build), event.build)


def _without_build(state: ViewState, number: int) -> ViewState:
    gone = state.build is not None and state.build.number <= number
    return replace(state, build=None) if gone else state


def _without_release(state: ViewState, revision: int) -> ViewState:
    gone = state.release is not None and state.release.revision == revision
    return replace(state, release=None) if gone else state


@_apply.register
def _(event: ReleaseStarted, state: ViewState) -> ViewState:
    release = ReleaseView(event.revision, event.strategy, event.reason, event.at)
    return replace(state, release=release, note="")


@_apply.register
def _(event: ReleaseServed, state: ViewState) -> ViewState:
    built, cause = state.cause
    if built != event.revision:
        cause = state.release.reason if state.release else ""
    served = ServedView(event.revision, cause, event.strategy, event.timings, event.cached, event.steps)
    a_round = state.served is not None and event.strategy not in _NO_SAVE
    history = (*state.history, event.timings.total)[-_HISTORY:] if a_round else state.history
    ready = state.standby.ready and state.standby.revision == event.revision
    urls = state.urls if event.url in state.urls else (event.url, *state.urls)
    return replace(
        _without_build(state, event.revision),
        served=served,
        serving=event.revision,
        release=None,
        history=history,
        standby=replace(state.standby, ready=ready),
        urls=urls,
        trouble=None,
        note="",
    )


@_apply.register
def _(event: ReleaseFailed, state: ViewState) -> ViewState:
    trouble = Trouble("start", event.revision, event.failure, event.serving)
    # A warm start took the standby with it: another one has to be made.
    taken = state.release is not None and state.release.strategy == "warm"
    standby = replace(state.standby, ready=False) if taken else state.standby
    state = _without_release(_without_build(state, event.revision), event.revision)
    return replace(state, trouble=trouble, serving=event.serving, standby=standby, note="")


@_apply.register
def _(event: AppExited, state: ViewState) -> ViewState:
    memory = f", {out_of_memory(event.memory_limit)}" if event.out_of_memory else ""
    again = ", Docker starts it again" if event.restarting else ""
    what = f"status {event.exit_status}{memory}{again}"
    failure = Failure(what=what, log=event.log, exit_status=event.exit_status)
    return replace(state, trouble=Trouble("exit", event.revision, failure, 0), serving=0, note="")
