"""What a soak found, as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.bars import Bar
from bench.idle import Idle
from bench.machine import Machine
from bench.soak.growth import Row
from bench.table import aligned, as_cells

_MOST_SURPRISES = 20


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that one soak found; `left` is what was there once devbox was down, `said` what it wrote
    where nobody looks, `kept` how many images `down` kept."""

    rebuilds: int
    seconds: float
    every: int
    rows: Sequence[Row]
    done: Mapping[str, int]
    kinds: Mapping[str, int]
    strategies: Mapping[str, int]
    reasons: Mapping[str, int]
    clients: int
    requests: int
    failed: int
    surprises: Sequence[str]
    idle: Mapping[str, Idle]
    bars: Sequence[Bar]
    left: Sequence[str]
    kept: int
    said: str
    machine: Machine

    @property
    def holds(self) -> bool:
        """Whether nothing was found that should not be."""
        broken = [row for row in self.rows if row.broken] + [bar for bar in self.bars if not bar.holds]
        return not (broken or self.failed or self.surprises or self.left or self.said)


def as_text(found: Found) -> str:
    """All of it for a person; no line end."""
    machine = found.machine
    lines = [
        f"{found.rebuilds} rebuilds in {found.seconds / 60:.0f} minutes, looked at every {found.every}",
        _counted("made", found.done),
        _counted("events", found.kinds),
        _counted("served", found.strategies),
        *(f"  not warm, {count} ×: {reason}" for reason, count in found.reasons.items()),
        f"clients that came and went: {found.clients}",
        f"requests: {found.requests:,}, failed: {found.failed:,}",
        "",
        *(line.rstrip() for line in aligned([_HEAD, *map(_cells, found.rows)])),
        "",
        *(
            f"idle {when}: {idle.share:.2%} of a core, {idle.megabytes:.0f} MB, over {idle.seconds:.0f} s"
            for when, idle in found.idle.items()
        ),
        *aligned([("expected", "measured", "bar", ""), *map(as_cells, found.bars)]),
        "",
        f"after devbox down: {'; '.join(found.left) or 'nothing is left'} ({found.kept} images kept)",
        *(f"surprise: {what}" for what in found.surprises[:_MOST_SURPRISES]),
        *([f"and {len(found.surprises) - _MOST_SURPRISES} more"] * (len(found.surprises) > _MOST_SURPRISES)),
        *([f"devbox wrote where nobody looks:\n{found.said}"] if found.said else []),
        f"{machine.cores} cores, {machine.kernel}, Python {machine.python}, {machine.engine or 'no engine'}",
        "every bound holds" if found.holds else "NOT every bound holds",
    ]
    return "\n".join(lines)


_HEAD = ("", "first", "median", "last", "most", "per 100", "bound", "")


def _cells(row: Row) -> tuple[str, ...]:
    bound = "" if row.bound is None else f"≤ {row.bound.most:g}, +{row.bound.growth:g}"
    values = (f"{value:,.1f}".removesuffix(".0") for value in (row.first, row.median, row.last, row.most))
    grown = "" if row.growth is None else f"{row.growth:+.2f}"
    return (row.figure, *values, grown, bound, "; ".join(row.broken))


def _counted(what: str, counts: Mapping[str, int]) -> str:
    return f"{what}: " + " · ".join(f"{count} × {name}" for name, count in sorted(counts.items()))
