"""The live screen as a rich renderable. Pure: state, size and the time in, lines out.

    ─ sample ──────────────────────────────────────── Docker Engine 28.5 ─

      ●  http://127.0.0.1:8000                          revision 7 serving

      ✓  app/main.py   3 of 4 steps cached                            72ms
         ✓ 1/4  FROM python:3.13-slim                               cached
         ✓ 2/4  COPY requirements.txt .                             cached
         ✓ 3/4  RUN pip install -r requirements.txt                 cached
         ✓ 4/4  COPY app app                  app/main.py changed     12ms

         ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
         detect 8ms   context 11ms   build 62ms   boot 37ms   flip 2ms

         ▅▅▅█▅▅   131ms  69ms  75ms   median 74ms of 6 saves

Colours are the terminal's own named ones, so that light and dark themes both work.
"""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from devbox.report.figures import (
    BAD,
    DIM,
    GOOD,
    WARNING,
    fit,
    link,
    row,
    spinner,
)
from devbox.report.panels import engine_panel, trouble_panel
from devbox.report.rounds import past_lines, spent_lines
from devbox.report.steps import output_line, resting_lines, step_lines
from devbox.report.text import brief_seconds, clean, running_seconds
from devbox.report.viewstate import BuildView, ReleaseView, ServedView, Trouble, ViewState

_PANEL_WIDTH = 100
# Rows that stay for the log above, in a terminal that has them.
_LOG_ROWS = 3
# Below this many rows, advice that can be looked up elsewhere gives way.
_ROOMY = 14
# From this many rows on, a third of them may be taken by the steps of a build that is over.
_TALL = 24
# A round that is over sooner than this is not worth unfolding: the screen would only jump.
_UNFOLD_AFTER = 0.4
# Lines that stay for what goes on below a panel, or keep it apart from what is around it.
_GAPS = 3


def render(state: ViewState, width: int, height: int, now: float, colour: bool) -> Group:
    """The whole screen as one renderable; see `screen_lines`."""
    return Group(*screen_lines(state, width, height, now, colour))


def screen_lines(state: ViewState, width: int, height: int, now: float, colour: bool) -> list[Text]:
    """The screen's lines: none wider than `width` cells, fewer of them than `height` (at least one).

    `now` is on the scale of the events' `at`. Without `colour` shades stand in for the colours of the bar.
    """
    width = max(width, 1)
    room = max(height - 1 - min(_LOG_ROWS, height // 8), 1)
    lines = _Screen(state, width, height, room, now, colour).lines()
    return [_line(fit(line, width)) for line in lines[:room]]


def moves(state: ViewState) -> bool:
    """Whether the screen changes by the clock alone."""
    if state.stopped:
        return False
    idle = state.served is not None or state.trouble is not None
    return bool(state.build or state.release or state.gone or state.message or not idle)


def _line(text: Text) -> Text:
    text.no_wrap = True
    text.overflow = "crop"
    return text


class _Screen:
    """One drawing: what there is to say, put into the room there is."""

    def __init__(
        self, state: ViewState, width: int, height: int, room: int, now: float, colour: bool
    ) -> None:
        self.state = state
        self.width = width
        self.panel = min(width, _PANEL_WIDTH)
        # ends where the text in a panel does
        self.content = max(self.panel - 2, 1)
        self.room = room
        self.resting = height // 3 if height >= _TALL else max(height // 4 - 1, 0)
        self.now = now
        self.colour = colour

    def lines(self) -> list[Text]:
        state = self.state
        if state.stopped is not None:
            return self._farewell()
        head = [self._rule(), self._address()]
        activity = self._activity()
        tail = self._tail()
        left = self.room - len(head) - len(activity) - len(tail)
        panels = self._panels(left - (_GAPS if self.room >= _ROOMY else 0))
        left -= len(panels)
        steps = self._running_steps(left)
        gauge = self._gauge(left - len(steps))
        steps = steps or self._resting_steps(left - len(gauge))
        left -= len(gauge) + len(steps)
        past = self._past(left)
        left -= len(past)
        return _spaced(left, head[:1], head[1:], panels, [*activity, *steps], gauge, past, tail)

    def _rule(self) -> Text:
        """The border between the log that scrolls and the screen that stays."""
        name = clean(self.state.project) or "devbox"
        engine = clean(self.state.engine)
        left = Text.assemble(("─ ", DIM), (name, "bold"), " ")
        right = Text(f" {engine} ─" if engine else "──", style=DIM)
        gap = self.width - left.cell_len - right.cell_len
        if gap < 2:
            left = fit(left, self.width)
            return Text.assemble(left, ("─" * (self.width - left.cell_len), DIM))
        return Text.assemble(left, ("─" * gap, DIM), right)

    def _address(self) -> Text:
        state = self.state
        left = Text.assemble("  ", self._light(), "  ")
        if not state.urls:
            left.append("no published port", style=DIM)
        for number, url in enumerate(map(clean, state.urls)):
            left.append("  " if number else "")
            left.append(url, style=link(url) if state.serving else DIM)
        return row(self.content, left, self._standing())

    def _light(self) -> Text:
        state = self.state
        if state.gone:
            return Text("●", style=WARNING)
        if state.serving:
            return Text("●", style=WARNING if state.trouble else GOOD)
        return Text("●", style=BAD) if state.trouble else Text("○", style=DIM)

    def _standing(self) -> Text:
        state = self.state
        if state.gone:
            return Text("engine lost", style=f"bold {WARNING}")
        if state.trouble and state.trouble.kind == "exit" and not state.serving:
            return Text(f"revision {state.trouble.number} exited", style=f"bold {BAD}")
        if state.trouble and state.serving:
            return Text(f"revision {state.serving} still serving", style=f"bold {WARNING}")
        if state.serving:
            return Text.assemble("revision ", (str(state.serving), "bold"), (" serving", GOOD))
        if state.trouble:
            return Text("not serving", style=f"bold {BAD}")
        return Text("not serving yet", style=DIM)

    def _activity(self) -> list[Text]:
        """The one line that says what goes on, or how the last round went."""
        state = self.state
        if state.message:
            return [Text.assemble("  ", spinner(self.now), "  ", (clean(state.message), "bold"))]
        if state.build:
            build = state.build
            what = Text.assemble((f"build {build.number}", "bold"), f"  {clean(build.cause)}")
            if state.release:
                what.append("   booting beside it", style=DIM)
            return [self._moving(what, build.at)]
        if state.release:
            release = state.release
            what = Text.assemble((f"revision {release.revision}", "bold"), "  starting")
            told = " · ".join(part for part in (clean(release.strategy), clean(release.reason)) if part)
            what.append(f"   {told}" if told else "", style=DIM)
            return [self._moving(what, release.at)]
        if state.trouble:
            return []
        if state.served:
            return [self._result(state.served)]
        what = Text("looking at the project" if state.project else "starting")
        return [self._moving(what, state.at or self.now)]

    def _moving(self, what: Text, since: float) -> Text:
        clock = Text(running_seconds(self.now - since), style="bold")
        return row(self.content, Text.assemble("  ", spinner(self.now), "  ", what), clock)

    def _result(self, served: ServedView) -> Text:
        what = Text.assemble("  ", ("✓", GOOD), "  ")
        if served.strategy == "adopted":
            what.append("was already running, taken over")
            return row(self.content, what)
        what.append(clean(served.cause) or clean(served.strategy))
        if served.steps:
            what.append(f"   {served.cached} of {served.steps} steps cached", style=DIM)
        return row(self.content, what, Text(brief_seconds(served.timings.total), style=f"bold {GOOD}"))

    def _panels(self, room: int) -> list[Text]:
        state = self.state
        panels: list[Text] = []
        if state.gone:
            share = room // 2 if state.trouble else room
            panels += engine_panel(state.gone, self.panel, max(share, 1), self.now)
        if state.trouble:
            height = max(room - len(panels), 1)
            panels += trouble_panel(
                state.trouble, self._outlook(state.trouble), self.panel, self.width, height
            )
        return panels

    def _outlook(self, trouble: Trouble) -> Text:
        """What a failure means for whoever asks the application now."""
        if self.state.stopped:
            return Text()
        if not trouble.serving:
            return Text("nothing serves; the next save tries again", style="bold")
        url = clean(self.state.urls[0]) if self.state.urls else ""
        return Text.assemble((f"revision {trouble.serving} keeps serving", f"bold {GOOD}"), (f"  {url}", DIM))

    def _running_steps(self, room: int) -> list[Text]:
        build = self.state.build
        if build is None or (self.state.serving and not self._unfolded):
            return []
        return step_lines(build, self.content, room, self.now)

    def _resting_steps(self, room: int) -> list[Text]:
        """The steps of the last build; one that runs and is soon over changes no more of them than marks."""
        state, last = self.state, self.state.last
        if last is None:
            return []
        if state.trouble and not self._going_on:
            # The panel has said what failed: they stand below it where nothing has to make room for them.
            told = state.trouble.kind != "exit" and state.trouble.number == last.number
            room = room - _GAPS if told and len(last.steps) <= room - _GAPS else 0
        return resting_lines(last, state.build, self.content, min(room, self.resting), self.now)

    @property
    def _going_on(self) -> BuildView | ReleaseView | None:
        return self.state.build or self.state.release

    @property
    def _unfolded(self) -> bool:
        """Whether what goes on has gone on for long enough to be looked at."""
        return self._going_on is not None and self.now - self._going_on.at >= _UNFOLD_AFTER

    def _gauge(self, room: int) -> list[Text]:
        """Two lines: how the last round spent its time, or what the running build writes, once it writes."""
        state, served = self.state, self.state.served
        settled = served is not None and state.trouble is None
        written = output_line(state.build, self.content, self.now) if state.build else None
        if written is not None and (self._unfolded or not state.serving) and room > 0:
            return [written, Text()][: min(2 if settled else 1, room)]
        if served is None or not settled or room < 2:
            return []
        return spent_lines(served.timings, self.content, self.colour, stale=self._unfolded)

    def _past(self, room: int) -> list[Text]:
        return [] if self.state.trouble or room < 1 else past_lines(self.state.history, self.content)

    def _tail(self) -> list[Text]:
        state = self.state
        lines: list[Text] = []
        reason, hint = map(clean, state.degraded)
        if reason:
            told = Text.assemble("  ", ("!", f"bold {WARNING}"), "  ", (f"watching: {reason}", WARNING))
            lines.append(fit(told, self.width))
            if hint and self.room >= _ROOMY:
                lines.append(fit(Text(f"     {hint}", style=DIM), self.width))
        if state.note:
            lines.append(Text(f"  ·  {clean(state.note)}", style=DIM))
        return lines

    def _farewell(self) -> list[Text]:
        state = self.state
        stopped = state.stopped
        reason = clean(stopped.reason) if stopped else ""
        lines = [self._rule()]
        if state.trouble:
            lines += self._panels(self.room - 3)
        lines.append(Text.assemble("  ", ("stopped", "bold"), (f"  {reason}", DIM)))
        if stopped and stopped.serving and state.urls:
            url = clean(state.urls[0])
            lines.append(Text.assemble("  ", (url, link(url)), ("  keeps serving", GOOD)))
        return lines


def _spaced(left: int, *groups: list[Text]) -> list[Text]:
    """The groups below one another, apart from the top on for as long as there are lines left for it."""
    lines: list[Text] = []
    for group in filter(None, groups):
        if lines and left > 0:
            lines.append(Text())
            left -= 1
        lines += group
    return lines
