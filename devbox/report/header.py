"""The top of the live screen: the project, where it answers, and with what."""

from __future__ import annotations

from rich.text import Text

from devbox.report.figures import BAD, DIM, GOOD, WARNING, fit, link, row
from devbox.report.text import clean
from devbox.report.viewstate import ViewState


def rule_line(state: ViewState, width: int) -> Text:
    """The border between the log that scrolls and the screen that stays."""
    name = clean(state.project) or "devbox"
    engine = clean(state.engine)
    left = Text.assemble(("─ ", DIM), (name, "bold"), " ")
    right = Text(f" {engine} ─" if engine else "──", style=DIM)
    gap = width - left.cell_len - right.cell_len
    if gap < 2:
        left = fit(left, width)
        return Text.assemble(left, ("─" * (width - left.cell_len), DIM))
    return Text.assemble(left, ("─" * gap, DIM), right)


def address_lines(state: ViewState, width: int, roomy: bool) -> list[Text]:
    """Addresses, revision and state, and whether a standby is ready; on two lines where one is too short and
    there is room. Without room the standby gives way."""
    left = Text.assemble("  ", _light(state), "  ")
    if not state.urls:
        left.append("no published port", style=DIM)
    for number, url in enumerate(map(clean, state.urls)):
        left.append("  " if number else "")
        left.append(url, style=link(url) if state.serving else DIM)
    standing, beside = _standing(state), _beside(state)
    whole = Text(" · ", style=DIM).join([standing, *beside])
    if left.cell_len + whole.cell_len + 2 <= width:
        return [row(width, left, whole)]
    if roomy:
        return [fit(left, width), fit(Text("     ").append_text(whole), width)]
    return [row(width, left, standing)]


def _light(state: ViewState) -> Text:
    if state.gone:
        return Text("●", style=WARNING)
    if state.serving:
        return Text("●", style=WARNING if state.trouble else GOOD)
    return Text("●", style=BAD) if state.trouble else Text("○", style=DIM)


def _standing(state: ViewState) -> Text:
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


def _beside(state: ViewState) -> list[Text]:
    """What else is to be known of what serves."""
    told = []
    if state.paused:
        told.append(Text("paused", style=f"bold {WARNING}"))
    if state.serving and not state.gone:
        ready = state.standby.ready
        told.append(Text("standby ready", style=GOOD) if ready else Text("no standby", style=DIM))
    return told
