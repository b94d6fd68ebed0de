"""The settings that a running devbox works with, beside those that the files and somebody's flags say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devbox.config import Config
from devbox.daemon.api.ask import ask
from devbox.daemon.lock import holder, runtime_directory
from devbox.errors import UsageError

_TELLS_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class InForce:
    """A running devbox's settings as JSON values, and for each where it comes from."""

    pid: int
    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def others(self, said: Config) -> dict[str, Any]:
        """Those of its settings that are not as in `said`."""
        values = said.model_dump(mode="json", exclude={"sources"})
        return {
            name: self.values[name]
            for name, value in values.items()
            if name in self.values and self.values[name] != value
        }

    def beside(self, flags: Config) -> tuple[str, ...]:
        """The names, as files have them, of its settings that flags in `flags` want otherwise."""
        names = map(name_in_files, self.others(flags))
        return tuple(name for name in names if flags.sources.get(name) == "flag")


def name_in_files(setting: str) -> str:
    """What a setting is called where it is written."""
    return "env_file" if setting == "env_files" else setting


async def in_force(root: Path) -> InForce | None:
    """What the devbox that runs the project there works with, None where none runs; raises DevboxError where
    it does not tell."""
    directory = runtime_directory(root)
    pid = holder(directory)
    if pid is None:
        return None
    try:
        told = await ask(directory, "GET", "config", within=_TELLS_WITHIN)
    except UsageError:
        # It is just beginning or ending.
        return None
    return InForce(pid, {name: value for name, value in told.items() if name != "sources"}, told["sources"])
