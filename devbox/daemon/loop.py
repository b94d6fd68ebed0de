"""The loop: hints become looks, looks become rounds, rounds become revisions that serve.

One consumer handles one message after the other; everything that waits runs beside it as a task of the
session's group and puts its outcome into the same inbox.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TypeAlias

from devbox.daemon.agenda import Agenda
from devbox.daemon.guards import AppEnded, EngineReturned, Guards
from devbox.daemon.inflight import Inflight, RoundEnded
from devbox.daemon.memory import recall
from devbox.daemon.news import News, failure_of
from devbox.daemon.orders import (
    Asked,
    Await,
    Order,
    Outcome,
    Pause,
    Rebuild,
    Restart,
    Resume,
    Rollback,
)
from devbox.daemon.ownoutput import output_files
from devbox.daemon.planner import Planner
from devbox.daemon.problems import problems_at_start, problems_of
from devbox.daemon.project import Project
from devbox.daemon.reading import Reading, Unusable
from devbox.daemon.revisions import to_restart, to_roll_back_to
from devbox.daemon.service import Service
from devbox.daemon.standbys import Standbys
from devbox.daemon.standing import of_build, of_release
from devbox.daemon.tools import Tools
from devbox.daemon.work import Again, Identity, Served, Serving, Source, Verdict, Why, Work, decide
from devbox.errors import BuildFailed as BuildError
from devbox.errors import DevboxError, EngineUnreachable, StartFailed, Superseded, UsageError
from devbox.events import (
    BuildFailed,
    Failure,
    ReleaseFailed,
    WatchDegraded,
    WatchPaused,
    WatchResumed,
)
from devbox.model import Cold, Plan
from devbox.watch import Degraded, Look, Reason, Watcher

_INSIST_AFTER = 3
_BACK_OFF = 0.1
_BACK_OFF_MOST = 2.0
_SETTLES_MOST = 1.0
_RESTLESS = 5
_SETTLED_SOON = 0.05
_ASKED_FOR = "asked for"
_ROLLED_BACK = "an older revision was rolled back to"
_PAUSED = Failure(what="watching is paused", hint="devbox resume builds what is on disk")

Message: TypeAlias = Look | Degraded | RoundEnded | AppEnded | EngineReturned | Asked


class Loop:
    """Keeps what is on disk serving. Runs until cancelled; without `watch`, until something fails."""

    def __init__(self, project: Project, tools: Tools, *, watch: bool) -> None:
        self._project, self._tools, self._watch = project, tools, watch
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._news = News(tools.emit, output_files(project.config.context))
        self._number = 0
        self._attempted: Identity | None = None
        self._served: Source | None = None
        self._unserved_since: float | None = None
        self._latest: Source | None = None
        self._agenda = Agenda()
        self._given_up = Failure(what="nothing was built yet")
        self._unfit: set[int] = set()
        self._called_off_in_row = 0
        self._followed: Watcher | None = None
        self._following: asyncio.Task[None] | None = None

    async def run(self, serving: Serving | None, last_number: int) -> None:
        """Starts from what was found on the engine; raises DevboxError where it cannot go on at all."""
        self._number = last_number
        try:
            async with asyncio.TaskGroup() as group:
                self._begin(group, serving)
                try:
                    while True:
                        await self._handle(await self._inbox.get())
                finally:
                    self._agenda.refuse(DevboxError("devbox is stopping"))
                    await self._standbys.close()
        except ExceptionGroup as errors:
            expected, others = errors.split(DevboxError)
            if expected is None or others is not None:
                raise
            raise expected.exceptions[0] from None

    def _begin(self, group: asyncio.TaskGroup, serving: Serving | None) -> None:
        self._group = group
        self._guards = Guards(self._tools, self._inbox.put_nowait, group)
        self._inflight = Inflight(self._tools, group, self._inbox.put_nowait, self._look_again)
        self._service = Service(self._tools, self._guards, group)
        self._standbys = Standbys(self._tools)
        self._planner = Planner(group)
        self._reading = Reading(self._project, self._news, self._look_again)
        self._guards.watch_engine()
        self._guards.watch_gate()
        if serving is not None:
            self._service.take_over(serving)
            self._attempted = serving.identity
        self._follow_disk()
        self._look_again()

    def _follow_disk(self) -> None:
        """Takes every look that the watcher asks for, and another watcher's once the settings name one."""
        if not self._watch or self._followed is self._project.watcher:
            return
        self._followed = self._project.watcher
        if self._following is not None:
            self._following.cancel()
        self._following = self._group.create_task(self._hints(self._followed))

    async def _hints(self, watcher: Watcher) -> None:
        async for news in watcher.looks():
            self._inbox.put_nowait(news)

    def _look_again(self, after: float = 0.0) -> None:
        """Has the disk looked at though nothing was touched, in `after` seconds."""
        now = time.monotonic()
        look = Look(now, now, Reason.RESTARTED)
        if after:
            asyncio.get_running_loop().call_later(after, self._inbox.put_nowait, look)
        else:
            self._inbox.put_nowait(look)

    async def _handle(self, message: Message) -> None:
        match message:
            case Look():
                await self._look(message)
            case Degraded():
                self._tools.emit(WatchDegraded(reason=message.reason, hint=message.hint))
            case RoundEnded():
                await self._ended(message)
            case AppEnded():
                await self._app_ended(message)
            case Asked():
                await self._asked(message)
            case EngineReturned():
                if not await self._service.look_up():
                    self._attempted = None
                self._look_again()

    async def _look(self, look: Look) -> None:
        """Compares the disk with what is being built, what serves and what failed, and acts on it."""
        if self._guards.engine_lost:
            # Its return looks again.
            self._agenda.refuse(_gone())
            return
        read = await self._read(look)
        if read is None:
            return
        source, reloaded = read
        self._latest = source
        if source.whole:
            self._agenda.waiters.looked(source.identity)
        retry = reloaded or any(path in source.snapshot.entries for path in look.paths)
        await self._act(source, look, retry=retry)
        self._settle()

    async def _act(self, source: Source, look: Look, *, retry: bool) -> None:
        verdict = decide(
            source.identity,
            building=self._inflight.identity,
            attempted=self._attempted,
            serving=self._service.serving,
            retry=retry,
        )
        if self._service.serves(source.identity):
            self._serves(source)
            if self._planner.base is None:
                self._planner.rest_on(source)
        if self._agenda.rebuilds and not self._inflight.settled:
            await self._build(source, look)
        elif verdict is Verdict.NOTHING:
            self._stand_by()
            if look.paths and self._inflight.identity is None:
                self._news.nothing_changed(look.paths)
        elif self._inflight.settled or self._agenda.paused:
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
        if reloaded:
            self._follow_disk()
        if self._inflight.identity is None:
            await self._project.close_former()
        source = await self._reading.read(look)
        if isinstance(source, Unusable):
            self._unusable(source)
            return None
        return (source, reloaded) if source is not None else None

    def _unusable(self, found: Unusable) -> None:
        if found.news:
            self._number += 1
            self._attempted = None
            problems = problems_at_start(found.error, self._project.config.root, self._project.config, None)
            self._news.unreadable(found.error, self._number, self._service.number, problems)
        self._agenda.unusable(self._service.number, found.error)

    def _settle(self) -> None:
        """Answers those who wait for what is on disk to serve, where that is certain."""
        latest = self._latest.identity if self._latest is not None else None
        failure, given_up = self._given_up, None
        if self._inflight.identity is None:
            if self._agenda.paused:
                failure, given_up = _PAUSED, latest
            elif latest == self._attempted:
                given_up = latest
        self._agenda.waiters.settle(self._service.serving, given_up=given_up, failure=failure)

    @property
    def container(self) -> str:
        """The name of the container that serves, '' where none does."""
        return self._service.serving.name if self._service.number and self._service.serving else ""

    async def order(self, order: Order) -> int | Outcome:
        """What the order is answered with, from another task of the session; raises DevboxError where it is
        refused."""
        asked = Asked(order)
        self._inbox.put_nowait(asked)
        return await asked.answer

    async def _asked(self, asked: Asked) -> None:
        if self._guards.engine_lost and not isinstance(asked.order, Pause | Resume):
            asked.refuse(_gone())
            return
        match asked.order:
            case Pause() | Resume():
                if self._agenda.pause(asked):
                    paused = isinstance(asked.order, Pause)
                    self._tools.emit(WatchPaused() if paused else WatchResumed())
                self._look_again()
            case Await():
                self._agenda.waiters.add(asked)
                self._look_again()
            case Rebuild():
                self._agenda.rebuilds.append(asked)
                self._look_again()
            case Restart() | Rollback():
                await self._again(asked, asked.order)

    async def _again(self, asked: Asked, order: Restart | Rollback) -> None:
        """Lets an image serve again that is there already, whatever else is being made."""
        if self._inflight.settled:
            # What can no longer be called off comes to its end first.
            asyncio.get_running_loop().call_later(_SETTLED_SOON, self._inbox.put_nowait, asked)
            return
        try:
            source, again = self._latest, await self._meant(order)
        except DevboxError as error:
            asked.refuse(error)
            return
        if source is None:
            asked.refuse(UsageError("nothing was built yet"))
            return
        await self._inflight.call_off(f"{again.why} asked for")
        self._attempted = source.identity
        work = Work(
            number=again.revision.number,
            source=source,
            plan=Plan(cause=f"{again.why} asked for"),
            first_seen=time.monotonic(),
            detect=0.0,
            again=again,
        )
        self._inflight.start(work, self._service.serving, Cold(again.why), _undoubted)
        asked.reply(again.revision.number)

    async def _meant(self, order: Restart | Rollback) -> Again:
        if isinstance(order, Restart):
            return to_restart(self._service.serving)
        memory = await recall(self._tools.engine, self._project.config)
        return to_roll_back_to(order.revision, memory.images, self._service.number, self._number, self._unfit)

    def _serves(self, source: Source) -> None:
        """Knows what serves by what it was built from."""
        self._served = source
        if self._service.serving is not None:
            self._tools.logs.served_by(self._service.serving.container, source)

    def _stand_by(self) -> None:
        """Has a standby of what serves wait for the next change."""
        if self._watch and self._inflight.identity is None and self._service.number:
            self._standbys.prepare(self._service.serving, self._served)

    async def _revert(self, source: Source, look: Look) -> None:
        """The disk is back to what serves: whatever else was tried is worth nothing any more."""
        await self._inflight.call_off("back to what serves")
        self._attempted, self._unserved_since = source.identity, None
        self._planner.rest_on(source)
        self._news.back_to(self._service.number, look.paths)
        self._stand_by()

    async def _build(self, source: Source, look: Look) -> None:
        base = self._planner.base
        self._news.context(source)
        changes, plan = await self._planner.plan(source, look, self._service.serving, first=not self._number)
        seen_for = time.monotonic() - look.first_seen
        if base is not None:
            self._news.change_detected(source.identity, plan.cause, changes, seen_for)
        rebuilds = self._agenda.rebuilds
        if not rebuilds and self._inflight.defers(source):
            return
        if await self._inflight.call_off(f"{plan.cause if base else 'the source'} changed again"):
            self._called_off_in_row += 1
        if self._unserved_since is None:
            self._unserved_since = look.first_seen
        self._number += 1
        self._attempted = source.identity
        work = Work(
            number=self._number,
            source=source,
            plan=replace(plan, cause=_ASKED_FOR) if rebuilds else plan,
            first_seen=self._unserved_since,
            detect=max(0.0, seen_for - source.seconds),
            insist=self._called_off_in_row >= _INSIST_AFTER,
            no_cache=self._agenda.wants_no_cache,
            pull=self._agenda.wants_pull,
        )
        claim = self._standbys.claim(source, self._service.serving)
        self._inflight.start(work, self._service.serving, claim, self._confirm)
        self._agenda.begun(work.number)

    async def _confirm(self, work: Work) -> None:
        """Raises Superseded where the disk no longer holds what was built."""
        if self._watch and not self._agenda.paused:
            try:
                holds = await self._project.holds(work.source)
            except UsageError as error:
                raise Superseded(str(error)) from error
            if not holds:
                raise Superseded("the source changed again")

    async def _app_ended(self, message: AppEnded) -> None:
        if self._inflight.recreating:
            # It was stopped to make way; the round's end tells what serves.
            return
        exited = await self._service.ended(message, self._served)
        if exited is None:
            return
        what = f"revision {exited.revision} exited with status {exited.exit_status}"
        if not self._watch:
            raise StartFailed(what, log=exited.log)
        self._given_up = Failure(what=what, log=exited.log, exit_status=exited.exit_status)
        if self._service.just_adopted:
            # A stop that a former daemon had asked for came true only now.
            self._attempted = None
            self._look_again()

    async def _ended(self, message: RoundEnded) -> None:
        if not self._inflight.take(message):
            return
        work, outcome = message.work, message.outcome
        after = 0.0
        if message.built and work.again is None:
            self._planner.rest_on(work.source)
            if not isinstance(outcome, Served):
                self._unfit.add(work.number)
        if isinstance(outcome, Served):
            self._unserved_since, self._called_off_in_row = None, 0
            self._service.replaced_by(outcome.serving, self._project.config)
            self._came_to_serve(work)
        elif isinstance(outcome, Superseded):
            self._called_off_in_row += 1
            self._attempted = None
            self._inflight.superseded(work, str(outcome))
            after = min(_BACK_OFF * 2 ** (self._called_off_in_row - 1), _BACK_OFF_MOST)
            # In the midst of a checkout the next build would end as this one did.
            after = max(after, min(self._project.watcher.quiet_in(), _SETTLES_MOST))
            if self._called_off_in_row == _RESTLESS:
                self._news.restless(outcome)
        else:
            await self._failed(work, outcome, built=message.built, swap=message.swap)
        if message.built:
            self._service.tidy(self._project.config)
        # Whatever was saved meanwhile and could not be acted upon then is seen now.
        self._look_again(after)

    def _came_to_serve(self, work: Work) -> None:
        """Keeps in mind what the revision was made from that serves now."""
        if work.again is None:
            self._serves(work.source)
        elif work.again.why is Why.ROLLBACK:
            # Its source is on no disk: nothing can be staged upon it.
            self._served = None
            self._standbys.set_aside(_ROLLED_BACK)
            what = f"revision {work.number} serves since a rollback"
            self._given_up = Failure(what=what, hint="the next save goes forward again")

    async def _failed(self, work: Work, error: DevboxError, *, built: bool, swap: str) -> None:
        serving, failure = self._service.number, failure_of(error, await problems_of(error, work.source))
        self._unserved_since = None
        if work.again is None:
            self._given_up = (of_release if built else of_build)(work.number, failure)
        if swap == "recreate" and built:
            await self._service.look_up()
            serving = self._service.number
        if built:
            self._tools.emit(ReleaseFailed(revision=work.number, failure=failure, serving=serving))
        else:
            step = error.step if isinstance(error, BuildError) else ""
            seconds = round(time.monotonic() - work.first_seen, 4)
            self._tools.emit(
                BuildFailed(build=work.number, step=step, seconds=seconds, failure=failure, serving=serving)
            )
        if isinstance(error, EngineUnreachable):
            self._attempted = None
            self._guards.engine_gone(error)
            self._agenda.refuse(error)
        elif not self._watch:
            raise error
        if not serving:
            what = f"revision {work.number} failed to start" if built else f"build {work.number} failed"
            message = f"devbox: no revision is serving: {what}: {error}"
            await self._guards.refuse_clients(message)


def _gone() -> EngineUnreachable:
    # Made anew: one that is raised again and again would carry every traceback that it ever had.
    return EngineUnreachable("the engine does not answer", hint="devbox goes on by itself once it does")


async def _undoubted(work: Work) -> None:
    """What was asked for serves whatever is on disk."""
    del work
