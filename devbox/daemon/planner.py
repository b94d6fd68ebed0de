"""What the next build would do, and why, held against what was built last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from devbox.build.difference import Previous
from devbox.build.plan import is_ignore_file, make_plan
from devbox.daemon.places import Read
from devbox.daemon.problems import reader
from devbox.daemon.settingchange import setting_change, written_build_args
from devbox.daemon.texts import Texts
from devbox.daemon.work import SETTINGS_CHANGED, Serving, Source, cause_of
from devbox.model import ChangeSet, Plan
from devbox.watch import Look, diff


class Planner:
    """Knows what was built last; reads its texts as tasks of `group`."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._texts = Texts()
        self.base: Source | None = None

    def rest_on(self, base: Source) -> None:
        """From now on `base` is what was built last."""
        if self.base is None:
            self._remember(base)
        self.base = base

    def _remember(self, source: Source) -> None:
        self._group.create_task(self._texts.remember(source, self.base))

    async def plan(
        self, source: Source, look: Look, serving: Serving | None, *, first: bool
    ) -> tuple[ChangeSet, Plan]:
        """What differs in `source`, and the plan of its build; `first` says that nothing was ever built."""
        base, config = self.base, source.config
        changes = diff(
            base.snapshot if base else None,
            source.snapshot,
            look.first_seen,
            look.last_seen,
            dockerfile=source.dockerfile_name,
        )
        former = Previous(base.dockerfile, base.config.build_args) if base else None
        told = changes if base else None
        cause = cause_of(source, base, serving, first=first)
        written: Mapping[str, str] = {}
        if base is not None and base.config != config:
            read = reader(config.root)
            change, written = await asyncio.to_thread(_settings, base, source, read)
            cause = change if cause == SETTINGS_CHANGED and change else cause
        known = partial(
            make_plan,
            source.dockerfile,
            config.build_args,
            config.target,
            told,
            former,
            cause=cause,
            written=written,
        )
        plan = known()
        # A file that a RUN builds upon makes it run again: where none does, everything is known already.
        runs = any(step.startswith("RUN ") for step in plan.reasons)
        ignoring = any(is_ignore_file(path) for path in changes.modified)
        if base is not None and (runs or ignoring):
            plan = known(lines=await self._texts.differences(base, source, changes))
        if runs or ignoring:
            self._remember(source)
        return changes, plan


def _settings(base: Source, source: Source, read: Read) -> tuple[str, Mapping[str, str]]:
    former, now = base.config, source.config
    return setting_change(former, now, read), written_build_args(former, now, read)
