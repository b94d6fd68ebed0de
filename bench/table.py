"""Figures as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.bars import Bar
from bench.figures import Summary
from bench.idle import Idle
from bench.machine import Machine
from bench.pace import Pace

BASELINE = "uvicorn"


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant of a `group`: `summary` is None where it is not here, and `about` then says why."""

    group: str
    name: str
    title: str
    about: str
    summary: Summary | None


@dataclass(frozen=True, slots=True)
class Results:
    """Everything one run of the bench measured; None for what it was not asked for."""

    rows: Sequence[Row]
    edits: int
    machine: Machine
    pace: Pace | None
    swaps: Pace | None
    idle: Idle | None
    bars: Sequence[Bar]


def as_text(results: Results) -> str:
    """The table, what the contestants are, where their time went, and the machine; no line end."""
    machine = results.machine
    cells: list[tuple[str, ...]] = [
        ("save → served", "median", "p95", "vs --reload", "failed: new", "kept alive", "longest gap")
    ]
    group = ""
    for row in results.rows:
        if row.summary is not None:
            if row.group != group:
                group = row.group
                cells.append((group, *[""] * 6))
            cells.append(_cells(row, row.summary, baseline(row, results.rows)))
    lines = [line.rstrip() for line in aligned(cells)] if group else []
    lines += _abouts(results.rows)
    if results.pace is not None:
        lines += ["", f"{results.pace.saves} saves one second apart:", *_pace(results.pace)]
    if results.swaps is not None:
        lines += ["", f"{results.swaps.saves} saves, each when a standby is ready:", *_pace(results.swaps)]
    if results.idle is not None:
        idle = results.idle
        lines += ["", f"idle: {idle.share:.2%} of a core, {idle.megabytes:.0f} MB, over {idle.seconds:.0f} s"]
    if results.bars:
        lines += ["", *aligned([("expected", "measured", "bar", ""), *map(as_cells, results.bars)])]
    lines += [
        "",
        f"{results.edits} edits each, in turns within a group, after one that does not count",
        "requests meanwhile: one every 20 ms, in turns on a new connection and on one kept alive",
        f"{machine.cores} cores, {machine.kernel}, Python {machine.python}, {machine.engine or 'no engine'}",
    ]
    return "\n".join(lines).strip()


def as_json(results: Results) -> dict[str, Any]:
    """The same as one object; times in seconds, `ratio` is the median over that of `uvicorn --reload`."""
    return {
        "machine": asdict(results.machine),
        "edits": results.edits,
        "rows": [asdict(row) | {"ratio": ratio(row, results.rows)} for row in results.rows],
        "pace": None if results.pace is None else asdict(results.pace) | {"share": results.pace.share},
        "swaps": None if results.swaps is None else asdict(results.swaps),
        "idle": None if results.idle is None else asdict(results.idle),
        "bars": [asdict(bar) | {"holds": bar.holds} for bar in results.bars],
    }


def baseline(row: Row, rows: Sequence[Row]) -> Summary | None:
    """What `row` is compared with: `uvicorn --reload` of its group, None where that was not measured."""
    same = (other for other in rows if other.group == row.group and other.name.startswith(BASELINE))
    return next((other.summary for other in same), None)


def ratio(row: Row, rows: Sequence[Row]) -> float | None:
    """The median of `row` over that of its baseline."""
    base = baseline(row, rows)
    return None if row.summary is None or base is None else row.summary.median / base.median


def _cells(row: Row, summary: Summary, base: Summary | None) -> tuple[str, ...]:
    return (
        f"  {row.title}",
        f"{summary.median:.3f} s",
        f"{summary.p95:.3f} s",
        "" if base is None else f"{summary.median / base.median:.2f} ×",
        f"{summary.failed_new:,}",
        f"{summary.failed_kept:,} of {summary.requests:,}",
        f"{summary.longest_gap:.3f} s",
    )


def _abouts(rows: Sequence[Row]) -> list[str]:
    abouts = dict.fromkeys(f"{row.title}: {row.about}" for row in rows)
    lines = ["", *abouts] if abouts else []
    return lines + [
        f"{row.name}, medians of the parts in seconds: {_parts(row.summary.split)}"
        for row in rows
        if row.summary is not None and row.summary.split
    ]


def _parts(split: Mapping[str, float]) -> str:
    return " · ".join(f"{part} {seconds:.3f}" for part, seconds in split.items())


def _pace(pace: Pace) -> list[str]:
    failed = f"{pace.failed_new} on new and {pace.failed_kept} on kept connections, of {pace.requests:,}"
    return [
        f"  {pace.swaps} swaps, {pace.warm} warm; median {pace.median:.3f} s, p95 {pace.p95:.3f} s",
        *(f"  not warm, {count} ×: {reason}" for reason, count in pace.reasons.items()),
        f"  {pace.per_second:.0f} requests a second, failed: {failed}; longest gap {pace.longest_gap:.3f} s",
    ]


def as_cells(bar: Bar) -> tuple[str, ...]:
    """A bar as a row of `("expected", "measured", "bar", "")`."""
    sign = "≥" if bar.at_least else "≤"
    return (bar.figure, f"{bar.value:.3g}", f"{sign} {bar.bar:g}", "holds" if bar.holds else "missed")


def aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((first.ljust(widths[0]), *right)))
    return lines
