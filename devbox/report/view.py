"""The live screen as a rich renderable. Pure: state, size and the time in, lines out.

    ─ sample ──────────────────────────────────────── Docker Engine 28.5 ─

      ●  http://127.0.0.1:8000          revision 7 serving · standby ready

      ✓  app/main.py   3 of 4 steps cached                            72ms
         ✓ 1/4  FROM python:3.13-slim                               cached
         ✓ 2/4  COPY requirements.txt .                             cached
         ✓ 3/4  RUN pip install -r requirements.txt                 cached
         ✓ 4/4  COPY app app                  app/main.py changed     12ms

         ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
         detect 8ms   context 11ms   build 62ms   boot 37ms   flip 2ms

         ▅▅▅█▅▅   131ms  69ms  75ms   median 74ms of 6 saves

Text has the terminal's own colour; the others stand out from a light background as from a dark one.
"""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from devbox.report.controls import NO_CONTROLS, Controls, Log
from devbox.report.figures import DIM, GOOD, fit, link, row, spinner
from devbox.report.footer import help_panel, key_lines, notice_lines
from devbox.report.header import address_lines, rule_line
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
# How a revision that served before serves once more.
_AGAIN = ("rollback", "restart", "restarted")
# Above this many rows the keys are shown where no failure needs the room.
_KEYS_FROM = 7
# A round that is over sooner than this is not worth unfolding: the screen would only jump.
_UNFOLD_AFTER = 0.4
# Lines that stay for what goes on below a panel, or keep it apart from what is around it.
_GAPS = 3


def render(state: ViewState, width: int, height: int, now: float, colour: bool) -> Group:
    """The whole screen as one renderable; see `screen_lines`."""
    return Group(*screen_lines(state, width, height, now, colour))


def screen_lines(
    state: ViewState, width: int, height: int, now: float, colour: bool, controls: Controls = NO_CONTROLS
) -> list[Text]:
    """The screen's lines: none wider than `width` cells, fewer of them than `height` (at least one).

    `now` is on the scale of the events' `at`. Without `colour` shades stand in for the colours of the bar.
    """
    width = max(width, 1)
    room = max(height - 1 - min(_LOG_ROWS, height // 8), 1)
    lines = _Screen(state, controls, width, height, room, now, colour).lines()
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
        self,
        state: ViewState,
        controls: Controls,
        width: int,
        height: int,
        room: int,
        now: float,
        colour: bool,
    ) -> None:
        self.state = state
        self.controls = controls
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
        roomy = self.room >= _ROOMY
        head = address_lines(state, self.content, roomy)
        activity = self._activity()
        wanted = roomy or (self.room >= _KEYS_FROM and state.trouble is None)
        keys = key_lines(state, self.controls, self.width, wanted)
        tail = notice_lines(state, self.controls, self.width, roomy)
        left = self.room - 1 - len(head) - len(activity) - len(tail) - len(keys)
        asked = help_panel(self.panel, left - 1) if self.controls.help else []
        left -= len(asked)
        panels = self._panels(left - (_GAPS if roomy else 0))
        left -= len(panels)
        quiet = self.controls.help or self.controls.log is Log.MORE
        steps, gauge, past = ([], [], []) if quiet else self._middle(left)
        left -= len(steps) + len(gauge) + len(past)
        rule = [rule_line(state, self.width)]
        shown = _spaced(left, rule, head, panels, [*activity, *steps], asked, gauge, past, tail, keys)
        if len(shown) <= self.room:
            return shown
        # What is asked for is seen in any terminal.
        return [*shown[: max(self.room - len(keys), 0)], *keys]

    def _middle(self, left: int) -> tuple[list[Text], list[Text], list[Text]]:
        """The steps, how the last round spent its time, and the rounds so far."""
        steps = self._running_steps(left)
        gauge = self._gauge(left - len(steps))
        steps = steps or self._resting_steps(left - len(gauge))
        return steps, gauge, self._past(left - len(gauge) - len(steps))

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
        if served.strategy in _AGAIN:
            what.append(f"revision {served.revision} serving again ({served.strategy})")
        else:
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

    def _farewell(self) -> list[Text]:
        state = self.state
        stopped = state.stopped
        reason = clean(stopped.reason) if stopped else ""
        lines = [rule_line(state, self.width)]
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
