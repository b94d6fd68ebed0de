"""Who runs with which application: the groups of the table, each one a contest of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.app import App
from bench.contestants import (
    ComposeSync,
    ComposeWatch,
    Contestant,
    DevboxRolling,
    DevboxUp,
    UvicornReload,
)

MakeApp = Callable[[Path, str], App]
MakeContestant = Callable[[App, Path], Contestant]


@dataclass(frozen=True, slots=True)
class Group:
    """Contestants whose edits are taken in turns, by the name that `--only` takes; those beginning with
    `uvicorn` are what the others of the group are compared with."""

    title: str
    entries: Mapping[str, tuple[MakeContestant, MakeApp]]

    def made(self, names: tuple[str, ...], scratch: Path) -> dict[str, Contestant]:
        """Those of the contestants that are in `names`, each with an application of its own."""
        result = {}
        for name, (contestant, app) in self.entries.items():
            if name in names:
                folder = scratch / name
                folder.mkdir()
                result[name] = contestant(app(folder / "app", name), folder)
        return result


def _tree(files: int) -> MakeApp:
    return lambda folder, name: App.tree(folder, name, files)


GROUPS = (
    Group(
        "sample/",
        {
            "warm": (DevboxUp, App.sample),
            "rolling": (DevboxRolling, App.sample),
            "uvicorn": (UvicornReload, App.sample),
            "compose": (ComposeWatch, App.sample),
            "compose-sync": (ComposeSync, App.sample),
        },
    ),
    Group(
        "50 routes, SQLAlchemy and pydantic-settings",
        {
            "warm-routes": (DevboxUp, App.routes),
            "rolling-routes": (DevboxRolling, App.routes),
            "uvicorn-routes": (UvicornReload, App.routes),
        },
    ),
    Group(
        "sample/ in a tree of …",
        {
            "tree-10": (DevboxUp, _tree(10)),
            "tree-2000": (DevboxUp, _tree(2_000)),
            "tree-20000": (DevboxUp, _tree(20_000)),
        },
    ),
)
PACE, SWAPS, IDLE = "pace", "swaps", "idle"
NAMES = (*(name for group in GROUPS for name in group.entries), PACE, SWAPS, IDLE)
