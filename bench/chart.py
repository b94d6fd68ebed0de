"""The medians as a picture: one bar a contestant, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.table import Results, Row

WIDTH = 800
LABELS = 290
FIGURES = 90
LINE = 26
BAR = 14
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.group { font-weight: 600; }
.note { fill: #57606a; font-size: 11px; }
.other { fill: #afb8c1; }
.devbox { fill: #1a7f37; }
.p95 { stroke: #57606a; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #8d96a0; }
  .other { fill: #6e7681; }
  .devbox { fill: #3fb950; }
  .p95 { stroke: #8d96a0; }
}
"""


def as_svg(results: Results) -> str:
    """A bar to the median and a mark at the 95th percentile for every row that was measured."""
    rows = [row for row in results.rows if row.summary is not None]
    longest = max((row.summary.p95 for row in rows if row.summary is not None), default=1.0)
    scale = (WIDTH - LABELS - FIGURES) / longest
    lines: list[str] = []
    top, group = 8, ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f'<text class="group" x="0" y="{top + 17}">{escape(group)}</text>')
            top += LINE
        lines += _row(row, top, scale)
        top += LINE
    machine = results.machine
    for note in (
        f"seconds from save to served: median, and 95th percentile as a mark; {results.edits} edits each",
        f"{machine.cores} cores, {machine.engine}",
    ):
        lines.append(f'<text class="note" x="0" y="{top + 16}">{escape(note)}</text>')
        top += LINE
    return _document(lines, top)


def _row(row: Row, top: int, scale: float) -> Sequence[str]:
    summary = row.summary
    assert summary is not None
    kind = "devbox" if row.title.startswith("devbox") else "other"
    width, mark = summary.median * scale, LABELS + summary.p95 * scale
    middle = top + LINE / 2
    files = f", {int(row.name.removeprefix('tree-')):,} files" if row.name.startswith("tree-") else ""
    return (
        f'<text x="12" y="{middle + 4.5:.1f}">{escape(row.title + files)}</text>',
        f'<rect class="{kind}" x="{LABELS}" y="{middle - BAR / 2:.1f}" width="{width:.1f}" height="{BAR}"/>',
        f'<line class="p95" x1="{mark:.1f}" x2="{mark:.1f}" y1="{middle - 9:.1f}" y2="{middle + 9:.1f}"/>',
        f'<text x="{mark + 8:.1f}" y="{middle + 4.5:.1f}">{summary.median:.2f} s</text>',
    )


def _document(lines: Sequence[str], height: int) -> str:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join((head, f"<style>\n{_STYLE}</style>", *lines, "</svg>", ""))
