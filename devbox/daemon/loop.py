"""The loop: hints become looks, looks become rounds, rounds become revisions that serve.

One consumer handles one message after the other; everything that waits runs beside it as a task of the
session's group and puts its outcome into the same inbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TypeAlias

from devbox.build.plan import Previous, make_plan
from devbox.daemon.guards import AppEnded, EngineReturned, Guards
from devbox.daemon.housekeeping import remove_superseded_images
from devbox.daemon.news import News, failure_of, serving_number
from devbox.daemon.project import Project
from devbox.daemon.round import Round, Tools
from devbox.daemon.work import Identity, Served, Serving, Source, Verdict, Work, decide, worth_finishing
from devbox.errors import BuildFailed as BuildError
from devbox.errors import (
    ConfigError,
    DevboxError,
    EngineError,
    EngineUnreachable,
    StartFailed,
    Superseded,
    UsageError,
)
from devbox.events import (
    AppExited,
    BuildFailed,
    BuildStep,
    BuildSuperseded,
    Emit,
    Event,
    ReleaseFailed,
    WatchDegraded,
)
from devbox.model import StepState
from devbox.release.probe import log_tail
from devbox.release.strategies import retire
from devbox.watch import Degraded, Look, Reason, Watcher, diff

_INSIST_AFTER = 3


class RoundEnded:
    """A round came to its end: `outcome` is what serves now, or why nothing new does."""

    def __init__(self, round_: Round, work: Work, outcome: Served | DevboxError) -> None:
        self.round, self.work, self.outcome = round_, work, outcome


Message: TypeAlias = Look | Degraded | RoundEnded | AppEnded | EngineReturned


class Loop:
    """Keeps what is on disk serving. Runs until cancelled; without `watch`, until something fails."""

    def __init__(self, project: Project, tools: Tools, *, watch: bool) -> None:
        self._project = project
        self._tools = replace(tools, emit=self._overhear(tools))
        self._watch = watch
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._number = 0
        self._serving: Serving | None = None
        self._round: Round | None = None
        self._round_task: asyncio.Task[None] | None = None
        self._work: Work | None = None
        self._attempted: Identity | None = None
        self._base: Source | None = None
        self._unserved_since: float | None = None
        self._running: set[str] = set()
        self._affected: frozenset[str] | None = None
        self._superseded_in_row = 0
        self._news = News(tools.emit)
        self._followed: Watcher | None = None
        self._following: asyncio.Task[None] | None = None

    async def run(self, serving: Serving | None, last_number: int) -> None:
        """Starts from what was found on the engine; raises DevboxError where it cannot go on at all."""
        self._number = last_number
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._guards = Guards(self._tools, self._inbox.put_nowait, group)
            self._guards.watch_engine()
            self._guards.watch_gate()
            if serving is not None:
                self._take_over(serving)
            self._follow_disk()
            self._look_again()
            while True:
                await self._handle(await self._inbox.get())

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

    def _look_again(self) -> None:
        """Has the disk looked at though nothing was touched."""
        now = time.monotonic()
        self._inbox.put_nowait(Look(now, now, Reason.RESTARTED))

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
            case EngineReturned():
                await self._engine_returned()

    async def _look(self, look: Look) -> None:
        """Compares the disk with what is being built, what serves and what failed, and acts on it."""
        if self._guards.engine_lost:
            return
        try:
            if await self._project.reload():
                self._news.settings_changed()
                self._follow_disk()
            source = await self._project.read()
        except ConfigError as error:
            self._news.settings_refused(error, look.paths)
            return
        except UsageError as error:
            self._news.unreadable(error, self._number + 1, self._serving)
            return
        retry = any(path in source.snapshot.entries for path in look.paths)
        verdict = decide(
            source.identity,
            building=self._work.source.identity if self._work else None,
            attempted=self._attempted,
            serving=self._serving,
            retry=retry,
        )
        if verdict is Verdict.BUILD:
            await self._build(source, look)
        elif verdict is Verdict.REVERT:
            await self._revert(source, look)
        elif look.paths:
            self._news.nothing_changed(look.paths)

    async def _revert(self, source: Source, look: Look) -> None:
        """The disk is back to what serves: whatever else was tried is worth nothing any more."""
        if self._round is not None and self._round.committed:
            return
        await self._call_off("back to what serves")
        self._attempted, self._base, self._unserved_since = source.identity, source, None
        if self._serving is not None:
            self._news.back_to(self._serving, look.paths)

    async def _build(self, source: Source, look: Look) -> None:
        if self._round is not None and self._round.committed:
            # It can no longer be called off; its end looks again.
            return
        base = self._base
        changes = diff(base.snapshot if base else None, source.snapshot, look.first_seen, look.last_seen)
        plan = make_plan(
            source.dockerfile,
            source.config.build_args,
            source.config.target,
            changes if base else None,
            Previous(base.dockerfile, base.config.build_args) if base else None,
            cause=self._cause(source),
        )
        if base is not None:
            self._news.change_detected(
                source.identity, plan.cause, changes, time.monotonic() - look.first_seen
            )
        if self._defers(source):
            return
        await self._call_off(plan.cause)
        if self._unserved_since is None:
            self._unserved_since = look.first_seen
        self._number += 1
        self._start(
            Work(
                number=self._number,
                source=source,
                plan=plan,
                first_seen=self._unserved_since,
                detect=max(0.0, time.monotonic() - look.first_seen - source.seconds),
                insist=self._superseded_in_row >= _INSIST_AFTER,
            )
        )

    def _cause(self, source: Source) -> str:
        """Why a build starts where no changed path says it; '' where one does."""
        if self._base is None:
            return "first build" if self._serving is None else "changed while devbox was not running"
        if (
            self._serving is not None
            and not self._serving.alive
            and self._serving.identity == source.identity
        ):
            return f"revision {self._serving.revision.number} had ended"
        if self._base.identity == source.identity:
            return "tried again"
        if self._base.context_digest == source.context_digest:
            return "settings changed"
        return ""

    def _defers(self, source: Source) -> bool:
        """Lets a superseded build go on to the end of a long step that the newer change does not touch."""
        if self._work is None or self._round is None or self._round.releasing:
            return False
        former = self._work.source
        changes = diff(former.snapshot, source.snapshot, 0.0, 0.0)
        if former.config.config_hash != source.config.config_hash or source.dockerfile != former.dockerfile:
            return False
        config = source.config
        self._affected = frozenset(
            make_plan(source.dockerfile, config.build_args, config.target, changes).reasons
        )
        return worth_finishing(self._running, self._affected)

    def _overhear(self, tools: Tools) -> Emit:
        """Hands events on, and keeps an eye on the running steps: when those that were worth waiting for
        are through, the deferred change is looked at again."""

        def emit(event: Event) -> None:
            tools.emit(event)
            if isinstance(event, BuildStep):
                text = event.step.instruction
                (self._running.add if event.step.state is StepState.RUNNING else self._running.discard)(text)
                if self._affected is not None and not worth_finishing(self._running, self._affected):
                    self._affected = None
                    self._look_again()

        return emit

    def _start(self, work: Work) -> None:
        self._running.clear()
        self._affected = None
        self._work, self._attempted = work, work.source.identity
        self._round = Round(self._tools, work, self._serving, self._confirm)
        self._round_task = self._group.create_task(self._run(self._round, work))

    async def _run(self, round_: Round, work: Work) -> None:
        outcome: Served | DevboxError
        try:
            outcome = await round_.run()
        except DevboxError as error:
            outcome = error
        self._inbox.put_nowait(RoundEnded(round_, work, outcome))

    async def _confirm(self, work: Work) -> None:
        """Raises Superseded where the disk no longer holds what was built."""
        if not self._watch:
            return
        now = await self._project.read()
        if now.context_digest != work.source.context_digest:
            raise Superseded("the source changed again")

    async def _call_off(self, cause: str) -> None:
        """Ends the running round, if there is one, with what serves still serving."""
        if self._round_task is None or self._work is None:
            return
        self._round_task.cancel()
        await asyncio.wait({self._round_task})
        self._superseded(self._work, cause)
        self._round = self._round_task = self._work = None

    def _superseded(self, work: Work, cause: str) -> None:
        self._superseded_in_row += 1
        seconds = time.monotonic() - work.first_seen
        self._tools.emit(BuildSuperseded(build=work.number, cause=cause, seconds=round(seconds, 4)))

    async def _ended(self, message: RoundEnded) -> None:
        if message.round is not self._round:
            return
        work, outcome = message.work, message.outcome
        releasing = message.round.releasing
        self._round = self._round_task = self._work = None
        if releasing:
            self._base = work.source
        if isinstance(outcome, Served):
            await self._served(outcome)
        elif isinstance(outcome, Superseded):
            self._superseded(work, str(outcome))
            self._attempted = None
        else:
            await self._failed(work, outcome, releasing=releasing)
        # Whatever was saved meanwhile and could not be acted upon then is seen now.
        self._look_again()

    async def _served(self, outcome: Served) -> None:
        former, self._serving = self._serving, outcome.serving
        self._unserved_since, self._superseded_in_row = None, 0
        self._guards.watch_app(outcome.serving)
        if former is not None:
            self._group.create_task(self._retire(former))
        self._group.create_task(
            remove_superseded_images(self._tools.engine, self._project.config, outcome.serving)
        )

    def _take_over(self, serving: Serving) -> None:
        self._serving, self._attempted = serving, serving.identity
        self._guards.watch_app(serving)
        self._tools.logs.follow(serving.container, serving.revision.number, tail=0)

    async def _retire(self, former: Serving) -> None:
        """Lets the connections of a former revision come to their end, then stops and removes it."""
        # A gate that cannot be asked has no connections worth waiting for.
        with contextlib.suppress(DevboxError):
            await self._tools.ports.drain(former.backends)
        try:
            await retire(self._tools.engine, former.container, self._project.config.stop_grace)
        except EngineError:
            # The next `up` or `down` finds it by its labels.
            return
        await self._tools.logs.finish(former.container)

    async def _failed(self, work: Work, error: DevboxError, *, releasing: bool) -> None:
        serving = serving_number(self._serving)
        failure = failure_of(error)
        self._unserved_since = None
        if releasing:
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
        elif not self._watch:
            raise error
        if not serving:
            await self._guards.refuse_clients(
                f"devbox: no revision is serving: build {work.number} failed: {error}"
            )

    async def _app_ended(self, message: AppEnded) -> None:
        serving = self._serving
        if serving is None or serving.container != message.container or not serving.alive:
            return
        facts = await self._guards.container(message.container)
        self._serving = replace(serving, alive=False)
        event = AppExited(
            revision=serving.revision.number,
            exit_status=message.status,
            out_of_memory=facts.out_of_memory if facts else False,
            log=await log_tail(self._tools.engine, message.container),
        )
        self._tools.emit(event)
        if not self._watch:
            raise StartFailed(
                f"revision {event.revision} exited with status {event.exit_status}", log=event.log
            )
        what = f"revision {event.revision} exited with status {event.exit_status}"
        await self._guards.refuse_clients(f"devbox: {what}; the next save starts it again")

    async def _engine_returned(self) -> None:
        """The engine may have taken everything down with it: what serves is looked up anew."""
        if self._serving is not None:
            facts = await self._guards.container(self._serving.container)
            if facts is None or not facts.running:
                self._serving = replace(self._serving, alive=False)
                self._attempted = None
            else:
                self._guards.watch_app(self._serving)
                self._tools.logs.follow(self._serving.container, self._serving.revision.number, tail=0)
        self._look_again()
