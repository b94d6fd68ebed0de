"""Figures as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.figures import Summary
from bench.machine import Machine

BASELINE = "uvicorn"


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant: `summary` is None where it is not here, and `about` then says why."""

    name: str
    title: str
    about: str
    summary: Summary | None


def as_text(rows: Sequence[Row], machine: Machine, edits: int) -> str:
    """The table, what the contestants are, where their time went, and the machine; no line end."""
    baseline = _baseline(rows)
    cells: list[tuple[str, ...]] = [
        ("save → served", "median", "p95", "vs --reload", "failed requests", "longest gap")
    ]
    cells += [_cells(row, row.summary, baseline) for row in rows if row.summary is not None]
    lines = _aligned(cells)
    lines += ["", *(f"{row.title}: {row.about}" for row in rows)]
    for row in rows:
        if row.summary is not None and row.summary.split:
            parts = " · ".join(f"{part} {seconds:.3f}" for part, seconds in row.summary.split.items())
            lines.append(f"{row.title}, medians of the parts in seconds: {parts}")
    lines += [
        "",
        f"{edits} edits each, in turns, after one that does not count",
        "requests: one every 5 ms, each on a new connection; gap: between two good answers",
        f"{machine.cores} cores, {machine.kernel}, Python {machine.python}, {machine.engine or 'no engine'}",
    ]
    return "\n".join(lines)


def as_json(rows: Sequence[Row], machine: Machine, edits: int) -> dict[str, Any]:
    """The same as one object; times in seconds, `ratio` is the median over that of `uvicorn --reload`."""
    baseline = _baseline(rows)
    return {
        "machine": asdict(machine),
        "edits": edits,
        "rows": [asdict(row) | {"ratio": _ratio(row.summary, baseline)} for row in rows],
    }


def _baseline(rows: Sequence[Row]) -> Summary | None:
    return next((row.summary for row in rows if row.name == BASELINE), None)


def _ratio(summary: Summary | None, baseline: Summary | None) -> float | None:
    return None if summary is None or baseline is None else summary.median / baseline.median


def _cells(row: Row, summary: Summary, baseline: Summary | None) -> tuple[str, ...]:
    ratio = _ratio(summary, baseline)
    return (
        row.title,
        f"{summary.median:.3f} s",
        f"{summary.p95:.3f} s",
        "" if ratio is None else f"{ratio:.2f} ×",
        f"{summary.failed:,} of {summary.requests:,}",
        f"{summary.longest_gap:.3f} s",
    )


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((first.ljust(widths[0]), *right)))
    return lines
