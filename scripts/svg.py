"""Terminals as SVG: dark or light as the reader's page is, and referring to nothing outside itself."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from rich.console import Console, Group
from rich.terminal_theme import TerminalTheme
from rich.text import Text


def _theme(background: str, foreground: str, named: Sequence[str]) -> TerminalTheme:
    def rgb(digits: str) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(digits)
        return red, green, blue

    return TerminalTheme(rgb(background), rgb(foreground), [rgb(each) for each in named])


# The eight named colours, black to white.
DARK = _theme(
    "111217",
    "d6d8de",
    ("282a36", "f05c5c", "62c87c", "e6be60", "6898f0", "c486e4", "5cc0d6", "d6d8de"),
)
LIGHT = _theme(
    "ffffff",
    "24292f",
    ("24292f", "cf222e", "116329", "7d5b00", "0550ae", "8250df", "1b7c83", "6e7781"),
)
# Hosts other than the machine itself and the SVG's namespace; directories of whoever ran this.
PRIVATE = re.compile(
    r"https?://(?!127\.0\.0\.1|0\.0\.0\.0|localhost|www\.w3\.org/)[^\s<\"]*|/(?:home|root|tmp|Users|work)/[^\s<]*"
)
_SEPARATOR = "\x1e"
_PARTS = _SEPARATOR.join(("{styles}", "{backgrounds}", "{matrix}", "{terminal_width}", "{terminal_height}"))
_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}"
  xml:space="preserve">
<style>
text {{ white-space: pre;
  font: 20.26px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }}
{dark}
@media (prefers-color-scheme: light) {{
{light}
}}
{rules}
</style>
<rect class="ground" width="{width}" height="{height}" rx="10"/>
<g transform="translate(16 12)">
{frames}
</g>
</svg>
"""


def picture(frames: Sequence[Sequence[Text]], columns: int, label: str, rules: Sequence[str] = ()) -> str:
    """The frames on top of one another as groups f0, f1 … of the class "frame", the last one also "still".

    `rules` are put into its style sheet. Raises SystemExit for what is not for others to see.
    """
    groups = []
    sheets: dict[TerminalTheme, list[str]] = {
        theme: [f".ground {{ fill: {theme.background_color.hex} }}"] for theme in (DARK, LIGHT)
    }
    width = height = 0.0
    for number, lines in enumerate(frames):
        styles, matrix, wide, high = _drawn(lines, columns, f"f{number}", DARK)
        sheets[DARK].append(styles)
        light, same, _, _ = _drawn(lines, columns, f"f{number}", LIGHT)
        if same != matrix:
            raise SystemExit("picture: a colour that the two themes do not share")
        sheets[LIGHT].append(light)
        width, height = max(width, wide), max(height, high)
        kind = "frame still" if number == len(frames) - 1 else "frame"
        groups.append(f'<g id="f{number}" class="{kind}">{matrix}</g>')
    drawn = _PICTURE.format(
        width=round(width + 32),
        height=round(height + 24),
        label=label,
        dark="\n".join(sheets[DARK]),
        light="\n".join(sheets[LIGHT]),
        rules="\n".join(rules),
        frames="\n".join(groups),
    )
    if found := PRIVATE.search(drawn):
        raise SystemExit(f"picture: {found[0]} is not for others to see")
    return drawn


def _drawn(
    lines: Sequence[Text], columns: int, name: str, theme: TerminalTheme
) -> tuple[str, str, float, float]:
    """The style rules, the text, the width and the height."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=columns,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
    )
    console.print(Group(*lines), no_wrap=True, overflow="crop", crop=True)
    drawn = console.export_svg(theme=theme, code_format=_PARTS, unique_id=name)
    styles, backgrounds, matrix, wide, high = drawn.split(_SEPARATOR)
    return styles.strip(), f"{backgrounds}{_slim(matrix)}", float(wide), float(high)


def _slim(matrix: str) -> str:
    """Without clipping, of which one line in a terminal needs none, and without the line ends; what is drawn
    with characters is stretched to touch in any font."""
    matrix = re.sub(r' clip-path="[^"]*"', "", matrix)
    matrix = re.sub(r"<text [^>]*>\n</text>", "", matrix)
    return re.sub(r"<text (?=[^>]*>[─━▁-█╭╰]+<)", '<text lengthAdjust="spacingAndGlyphs" ', matrix)
