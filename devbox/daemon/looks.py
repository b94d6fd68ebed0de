"""A look at the disk, and what it leads to: a build, a way back, or nothing."""

from __future__ import annotations

import time
from dataclasses import replace

from devbox.daemon.beforestart import plan_steps
from devbox.daemon.parts import Parts
from devbox.daemon.problems import problems_at_start
from devbox.daemon.reading import Reading, Unusable
from devbox.daemon.work import Source, Verdict, Work, decide
from devbox.errors import Superseded, UsageError
from devbox.events import Failure
from devbox.model import Cold
from devbox.watch import Look

_INSIST_AFTER = 3
_ASKED_FOR = "asked for"
_BEFORE_START = "before_start runs first"
_FORMER = "the former ones stay in force until they are mended"
_PAUSED = Failure(what="watching is paused", hint="devbox resume builds what is on disk")


class Looks:
    """Compares the disk with what is being built, what serves and what failed, and acts on it."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._course = parts, parts.course
        self._reading = Reading(
            parts.project, parts.news, parts.hints.look_again, lambda: parts.agenda.paused
        )

    async def look(self, look: Look) -> None:
        """Compares the disk with what is being built, what serves and what failed, and acts on it."""
        if self._parts.guards.engine_lost:
            # Its return looks again.
            self._parts.agenda.refuse(self._parts.guards.loss())
            return
        read = await self._read(look)
        if read is None:
            return
        source, reloaded = read
        unheeded = self._parts.project.unheeded
        if not self._parts.agenda.rebuilds:
            # Else what is asked for takes the disk as it is.
            course, inflight = self._course, self._parts.inflight
            source = unheeded.taken_for(source, (inflight.source, course.latest, course.served))
        self._course.latest = source
        if source.whole:
            self._parts.agenda.waiters.looked(source.identity)
        retry = reloaded or any(path in source.snapshot.entries and not unheeded(path) for path in look.paths)
        await self._act(source, look, retry=retry)
        self._settle()
        if self._parts.inflight.identity is None:
            # Between rounds: an editor takes the end of a block of lines for the end of a round.
            await self._parts.counsel.tell(source)

    async def _act(self, source: Source, look: Look, *, retry: bool) -> None:
        verdict = decide(
            source.identity,
            building=self._parts.inflight.identity,
            attempted=self._course.attempted,
            serving=self._parts.service.serving,
            retry=retry,
        )
        if self._parts.service.serves(source.identity):
            self._parts.serves(source)
            if self._parts.planner.base is None:
                self._parts.planner.rest_on(source)
        if self._parts.agenda.rebuilds and not self._parts.inflight.settled:
            await self._build(source, look)
        elif verdict is Verdict.NOTHING:
            self._stand_by()
            if look.paths and self._parts.inflight.identity is None:
                self._parts.news.nothing_changed(look.paths, self._parts.project.unheeded)
        elif self._parts.inflight.settled or self._parts.agenda.paused:
            # The round can no longer be called off; its end looks again, and so does whoever resumes.
            return
        elif verdict is Verdict.REVERT:
            await self._revert(source, look)
        else:
            await self._build(source, look)

    async def _read(self, look: Look) -> tuple[Source, bool] | None:
        """What is on disk, and whether the settings are other ones; None where it cannot be used, which is
        said."""
        reloaded = await self._reading.reload(look)
        if isinstance(reloaded, Unusable):
            self._unusable(reloaded)
            return None
        if reloaded and self._parts.watch:
            self._parts.hints.follow(self._parts.project.watcher)
        if self._parts.inflight.identity is None:
            await self._parts.project.close_former()
        source = await self._reading.read(look)
        if isinstance(source, Unusable):
            self._unusable(source)
            return None
        return (source, reloaded) if source is not None else None

    def _unusable(self, found: Unusable) -> None:
        if found.news:
            self._course.number += 1
            self._course.attempted = None
            problems = problems_at_start(
                found.error, self._parts.project.config.root, self._parts.project.config, None
            )
            self._parts.news.unreadable(
                found.error, self._course.number, self._parts.service.number, problems
            )
        self._parts.agenda.unusable(self._parts.service.number, found.error)

    def _settle(self) -> None:
        """Answers those who wait for what is on disk to serve, where that is certain."""
        waiters = self._parts.agenda.waiters
        latest = self._course.latest.identity if self._course.latest is not None else None
        failure, given_up = self._course.given_up, None
        if self._parts.inflight.identity is None:
            if refused := self._parts.project.refused:
                what = f"the settings on disk are refused: {refused}"
                waiters.unusable(self._parts.service.number, Failure(what=what, hint=_FORMER))
            elif self._parts.agenda.paused:
                failure, given_up = _PAUSED, latest
            elif latest == self._course.attempted:
                given_up = latest
        waiters.settle(self._parts.service.serving, given_up=given_up, failure=failure)

    def _stand_by(self) -> None:
        """Has a standby of what serves wait for the next change."""
        if self._parts.watch and self._parts.inflight.identity is None and self._parts.service.number:
            self._parts.standbys.prepare(self._parts.service.serving, self._course.served)

    async def _revert(self, source: Source, look: Look) -> None:
        """The disk is back to what serves: whatever else was tried is worth nothing any more."""
        await self._parts.inflight.call_off("back to what serves")
        self._course.attempted, self._course.unserved_since = source.identity, None
        self._parts.planner.rest_on(source)
        self._parts.news.back_to(self._parts.service.number, look.paths)
        self._stand_by()

    async def _build(self, source: Source, look: Look) -> None:
        base = self._parts.planner.base
        self._parts.news.context(source)
        changes, plan = await self._parts.planner.plan(
            source, look, self._parts.service.serving, first=not self._course.number
        )
        seen_for = time.monotonic() - look.first_seen
        if base is not None:
            self._parts.news.change_detected(source.identity, plan.cause, changes, seen_for)
        rebuilds = self._parts.agenda.rebuilds
        if not rebuilds and self._parts.inflight.defers(source):
            return
        cause = "rebuild asked for" if rebuilds else f"{plan.cause if base else 'the source'} changed again"
        if await self._parts.inflight.call_off(cause):
            self._course.called_off_in_row += 1
        if self._course.unserved_since is None:
            self._course.unserved_since = look.first_seen
        self._course.number += 1
        self._course.attempted = source.identity
        steps = plan_steps(source.config.before_start, source.snapshot, self._course.succeeded)
        work = Work(
            number=self._course.number,
            source=source,
            plan=replace(plan, cause=_ASKED_FOR) if rebuilds else plan,
            first_seen=self._course.unserved_since,
            detect=max(0.0, seen_for - source.seconds),
            insist=self._course.called_off_in_row >= _INSIST_AFTER,
            no_cache=self._parts.agenda.wants_no_cache,
            pull=self._parts.agenda.wants_pull,
            changed=changes.paths if base is not None and _alike(base, source) else (),
            steps=steps,
        )
        claim = (
            Cold(_BEFORE_START)
            if steps.due
            else self._parts.standbys.claim(source, self._parts.service.serving)
        )
        self._parts.inflight.start(work, self._parts.service.serving, claim, self._confirm)
        self._parts.agenda.begun(work.number)

    async def _confirm(self, work: Work) -> None:
        """Raises Superseded where the disk no longer holds what was built."""
        if self._parts.watch and not self._parts.agenda.paused:
            try:
                holds = await self._parts.project.holds(work.source)
            except UsageError as error:
                raise Superseded(str(error)) from error
            if not holds:
                raise Superseded("the source changed again")


def _alike(one: Source, other: Source) -> bool:
    """Whether two builds differ by files of the build context only."""
    return one.dockerfile == other.dockerfile and one.config.config_hash == other.config.config_hash
