"""The bottom of the live screen: what else is to be known, the keys, a question; and the help above it."""

from __future__ import annotations

from rich.text import Text

from devbox.report.controls import Controls, Prompt
from devbox.report.figures import DIM, MOVING, WARNING, fit
from devbox.report.text import clean
from devbox.report.viewstate import ViewState

_MARGIN = "  "
_KEY = f"bold {MOVING}"
_HELP_WIDTH = 72


def notice_lines(state: ViewState, controls: Controls, width: int, roomy: bool) -> list[Text]:
    """What keeps saves from being built at once, or from going live in a blink, and what was last touched."""
    lines: list[Text] = []
    if state.paused:
        how = "p builds them" if controls.keys else "until watching goes on"
        lines.append(_notice("‖", Text.assemble(("paused: saves wait", WARNING), (f"   {how}", DIM))))
    reason, hint = map(clean, state.degraded)
    if reason:
        lines.append(_notice("!", Text(f"watching: {reason}", style=WARNING)))
        if hint and roomy:
            lines.append(Text(f"     {hint}", style=DIM))
    standby = clean(state.standby.reason)
    if standby and roomy and not state.standby.ready and state.trouble is None:
        lines.append(Text(f"  ·  no standby: {standby}", style=DIM))
    note = controls.said or clean(state.note)
    if note:
        lines.append(Text(f"  ·  {note}", style=DIM))
    return [fit(line, width) for line in lines]


def _notice(mark: str, what: Text) -> Text:
    return Text.assemble("  ", (mark, f"bold {WARNING}"), "  ", what)


def key_lines(state: ViewState, controls: Controls, width: int, wanted: bool) -> list[Text]:
    """The question that waits for an answer, else the keys where they are `wanted`, on one line."""
    if controls.prompt is not None:
        return _question(controls.prompt, width)
    if not (controls.keys and wanted):
        return []
    keys = [
        ("r", "rebuild"),
        ("b", "roll back"),
        ("p", "watch" if state.paused else "pause"),
        ("l", f"log: {controls.log.value}"),
        ("o", "open"),
        ("q", "quit"),
        ("?", "keys"),
    ]
    for dropped in ("", "o", "b", "r", "l", "p", "q"):
        keys = [item for item in keys if item[0] != dropped]
        for gap in ("    ", "   ", "  "):
            line = Text(_MARGIN).append_text(Text(gap).join(_key(*item) for item in keys))
            if line.cell_len <= width:
                return [line]
    return []


def _key(key: str, label: str) -> Text:
    return Text.assemble((key, _KEY), " ", (label, DIM))


def _question(prompt: Prompt, width: int) -> list[Text]:
    question = Text.assemble("  ", ("?", f"bold {WARNING}"), "  ", (clean(prompt.question), "bold"))
    answers = [*((key, clean(label)) for key, label in prompt.choices.items()), ("Esc", "back")]
    line = Text(" · ", style=DIM).join(Text.assemble((key, _KEY), " ", label) for key, label in answers)
    if question.cell_len + line.cell_len + 3 <= width:
        return [Text.assemble(question, "   ", line)]
    return [fit(question, width), fit(Text("     ").append_text(line), width)]


def help_panel(width: int, height: int) -> list[Text]:
    """Every key and what it does, in a border; on at most `height` lines, none where there are too few."""
    keys = (
        ("r", "rebuild: build and release, even where nothing changed"),
        ("b", "roll back: the revision before this one serves again"),
        ("p", "pause: saves wait, until p again"),
        ("l", "log: on, more of it, off"),
        ("o", "open the address in a browser"),
        ("q", "quit, as Ctrl-C does; twice Ctrl-C leaves at once"),
        ("^Z", "suspend; saves wait until the shell's fg"),
        ("Esc", "back"),
    )
    width = min(width, _HELP_WIDTH)
    if height < 4 or width < 24:
        return []
    top = Text.assemble(("╭─ ", DIM), ("keys", "bold"), (" " + "─" * (width - 9) + "╮", DIM))
    lines = [top]
    for key, does in keys[: height - 2]:
        content = fit(Text.assemble((f"{key:<5}", _KEY), does), width - 4)
        blank = " " * (width - 4 - content.cell_len)
        lines.append(Text.assemble(("│ ", DIM), content, blank, (" │", DIM)))
    return [*lines, Text("╰" + "─" * (width - 2) + "╯", style=DIM)]
