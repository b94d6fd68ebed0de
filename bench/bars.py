"""What the figures are expected to be, and whether they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import Summary
from bench.idle import Idle
from bench.machine import Machine
from bench.pace import Pace

IDLE_SHARE = 0.01
IDLE_MEGABYTES = 100.0
LONGEST_GAP = 0.15
WARM_SHARE = 0.95
# Engines whose builder takes longer by itself: those before 23, and those with the containerd image store.
SLOW_STORES = ("containerd", "overlayfs")


@dataclass(frozen=True, slots=True)
class Bar:
    """`figure` was measured as `value`, and is to be at most (or `at_least`) `bar`."""

    figure: str
    value: float
    bar: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def bars(
    summaries: Mapping[str, Summary],
    paced: Pace | None,
    swapped: Pace | None,
    rested: Idle | None,
    machine: Machine,
) -> tuple[Bar, ...]:
    """Every bar whose figures were measured in this run."""
    slow = slow_builder(machine.engine)
    found = []
    for figure, over, under, bar in (
        ("warm ÷ uvicorn --reload", "warm", "uvicorn", 0.30 if slow else 0.15),
        ("warm ÷ uvicorn --reload, 50 routes", "warm-routes", "uvicorn-routes", 0.35 if slow else 0.25),
        ("warm, 20,000 files ÷ 10 files", "tree-20000", "tree-10", 2.0),
        ("rolling ÷ uvicorn --reload", "rolling", "uvicorn", 1.1),
    ):
        if over in summaries and under in summaries:
            found.append(Bar(figure, summaries[over].median / summaries[under].median, bar))
    if paced is not None:
        share = "saves one second apart that were served warm"
        found.append(Bar(share, paced.share, WARM_SHARE, at_least=True))
    if swapped is not None:
        found += [
            Bar(f"failed requests in {swapped.swaps} swaps", swapped.failed_new + swapped.failed_kept, 0),
            Bar("longest gap between good answers, seconds", swapped.longest_gap, LONGEST_GAP),
        ]
    if rested is not None:
        found += [
            Bar("idle: share of a core", rested.share, IDLE_SHARE),
            Bar("idle: memory, MB", rested.megabytes, IDLE_MEGABYTES),
        ]
    return tuple(found)


def slow_builder(engine: str) -> bool:
    """Whether `engine`, as Machine names it, is one of those that the easier bars are for."""
    name, _, store = engine.partition(" (")
    version = name.split(" ")[-1].partition(".")[0]
    return store.removesuffix(")") in SLOW_STORES or (version.isdecimal() and int(version) < 23)
