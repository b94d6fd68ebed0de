"""What events leave behind in the scrollback above the live screen, as rich texts. Pure."""

from __future__ import annotations

from rich.text import Text

from devbox.endings import how_it_ended, killed_for_memory
from devbox.events import (
    SETTINGS_STAY,
    AppExited,
    AppLog,
    AppOutOfMemory,
    BuildAvoidable,
    BuildFailed,
    BuildSuperseded,
    ChangeIgnored,
    ContextNotice,
    EngineBack,
    EngineLost,
    Event,
    ReleaseFailed,
    ReleaseLog,
    ReleaseServed,
    ReleaseStarted,
    ReleaseStep,
    ServicesFailed,
    ServicesLog,
    ServicesReady,
    ServicesStarting,
    WatchDegraded,
    WatchPaused,
    WatchResumed,
)
from devbox.model import StepState
from devbox.report.advice import place_of, shorter
from devbox.report.figures import BAD, DIM, GOOD, WARNING
from devbox.report.text import brief_seconds, clean, clean_but_coloured, round_named, seconds, shorten
from devbox.report.viewstate import ViewState

_LOG_LINE_LIMIT = 10_000


def log_line(event: AppLog) -> Text:
    """A line of the application with its revision before it, in the colours that it came in."""
    line = Text.from_ansi(clean_but_coloured(event.line[:_LOG_LINE_LIMIT]))
    return Text.assemble((_margin(event), DIM), line)


def plain_log_line(event: AppLog) -> tuple[str, str] | None:
    """The same as its margin and its text, None where it is not to be had without a closer look: of thousands
    of lines a second nearly all are that plain."""
    line = event.line
    if len(line) <= _LOG_LINE_LIMIT and line.isascii() and line.isprintable():
        return _margin(event), line
    return None


def left_out_line(count: int) -> Text:
    """What stands for lines of the application that came too fast to be shown."""
    return _record("·", DIM, f"{count:,} lines left out", "devbox logs shows them")


def _margin(event: AppLog) -> str:
    return f"{event.revision:>3} │ "


def record(event: Event, state: ViewState) -> Text | None:
    """The line that an event leaves behind in the scrollback, None for most; `state` is the one after it."""
    match event:
        case AppLog():
            return log_line(event)
        case ReleaseStarted() if event.reason:
            return _record(
                "·", DIM, f"revision {event.revision} {clean(event.strategy)}", clean(event.reason)
            )
        case ReleaseServed():
            return _record("✓", GOOD, f"revision {event.revision}", *_served(event, state))
        case BuildFailed():
            what = shorten(event.step) if event.step else clean(event.failure.what)
            return _record("✗", BAD, f"build {event.build} failed", what)
        case ReleaseFailed():
            return _record("✗", BAD, f"revision {event.revision} failed to start", clean(event.failure.what))
        case AppExited():
            how = how_it_ended(event.exit_status, killed=event.out_of_memory, limit=event.memory_limit)
            again = "Docker starts it again" if event.restarting else ""
            return _record("✗", BAD, f"revision {event.revision} {how}", again)
        case AppOutOfMemory():
            what = f"a process of revision {event.revision} {killed_for_memory(event.memory_limit)}"
            return _record("!", WARNING, what)
        case ReleaseLog():
            return Text.assemble((f"{event.revision:>3} ┊ ", DIM), clean(event.line))
        case ReleaseStep() if event.state is StepState.DONE:
            return _record("·", DIM, f"before start {event.index}/{event.total}", shorten(event.command))
        case BuildAvoidable():
            told = f"{place_of(event.finding)}: {clean(event.finding.hint)}"
            return _record("!", WARNING, "advice", told, f"{shorter(event)} (devbox explain)")
        case BuildSuperseded():
            return _record(
                "·", DIM, f"{round_named(event.build, event.again)} superseded", clean(event.cause)
            )
        case _:
            return _noted(event)


def _noted(event: Event) -> Text | None:
    """The same of what is about no build and no revision."""
    match event:
        case EngineLost():
            return _record("!", WARNING, "engine lost", clean(event.failure.what))
        case EngineBack():
            return _record("✓", GOOD, "engine back", f"after {seconds(event.seconds)}")
        case ContextNotice():
            return _record("!", WARNING, "notice", clean(event.notice))
        case ChangeIgnored() if event.reason.endswith(SETTINGS_STAY):
            return _record("!", WARNING, "settings refused", clean(event.reason))
        case WatchDegraded():
            return _record("!", WARNING, "watching degraded", clean(event.reason))
        case ServicesStarting():
            return _record("·", DIM, f"starting {clean(', '.join(event.services))}", "with Docker Compose")
        case ServicesLog():
            return _record("·", DIM, clean(event.line.strip()))
        case ServicesReady():
            return _record("✓", GOOD, clean(", ".join(event.services)), f"ready in {seconds(event.seconds)}")
        case ServicesFailed():
            return _record("✗", BAD, clean(event.failure.what))
        case WatchPaused():
            return _record("‖", WARNING, "watching paused")
        case WatchResumed():
            return _record("·", DIM, "watching again")
        case _:
            return None


def _served(event: ReleaseServed, state: ViewState) -> tuple[str, ...]:
    if event.strategy == "adopted":
        return ("was already running",)
    if event.strategy in ("rollback", "restart", "restarted"):
        return (f"serving again ({event.strategy})", brief_seconds(event.timings.total))
    cause = clean(state.served.cause) if state.served else ""
    return (cause, brief_seconds(event.timings.total))


def _record(mark: str, style: str, what: str, *details: str) -> Text:
    told = Text.assemble(("  ", ""), (mark, f"bold {style}"), " ", (what, "bold" if style != DIM else DIM))
    for detail in details:
        if detail:
            told.append(f"  {detail}", style=DIM)
    return told
