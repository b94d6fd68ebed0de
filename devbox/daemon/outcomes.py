"""What became of a round or of the application, and what that leads to."""

from __future__ import annotations

import time

from devbox.daemon.guards import AppAnswers, AppBegan, AppEnded, AppOverMemory
from devbox.daemon.inflight import RoundEnded
from devbox.daemon.news import failure_of
from devbox.daemon.parts import Parts
from devbox.daemon.problems import problems_of
from devbox.daemon.standing import of_build, of_release
from devbox.daemon.work import Served, Why, Work
from devbox.endings import how_it_ended
from devbox.errors import BuildFailed as BuildError
from devbox.errors import DevboxError, EngineUnreachable, StartFailed, Superseded
from devbox.events import BuildFailed, Failure, ReleaseFailed

_BACK_OFF = 0.1
_BACK_OFF_MOST = 2.0
_SETTLES_MOST = 1.0
_RESTLESS = 5
_ROLLED_BACK = "an older revision was rolled back to"


class Outcomes:
    """Takes in how rounds and the application ended: says it, and has the next one begin."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._course = parts, parts.course

    async def ended(self, message: RoundEnded) -> None:
        if not self._parts.inflight.take(message):
            return
        work, outcome = message.work, message.outcome
        self._course.succeeded |= message.succeeded
        after = 0.0
        if message.built and work.again is None:
            self._parts.planner.rest_on(work.source)
        if isinstance(outcome, Served):
            self._course.unserved_since, self._course.called_off_in_row = None, 0
            self._parts.service.replaced_by(outcome.serving, self._parts.project.config)
            self._came_to_serve(work)
        elif isinstance(outcome, Superseded):
            self._course.called_off_in_row += 1
            self._course.attempted = None
            self._parts.inflight.superseded(work, str(outcome))
            after = min(_BACK_OFF * 2 ** (self._course.called_off_in_row - 1), _BACK_OFF_MOST)
            # In the midst of a checkout the next build would end as this one did.
            after = max(after, min(self._parts.project.watcher.quiet_in(), _SETTLES_MOST))
            if self._course.called_off_in_row == _RESTLESS:
                self._parts.news.restless(outcome)
        else:
            await self._failed(work, outcome, built=message.built, swap=message.swap)
        if message.built:
            self._parts.service.tidy(self._parts.project.config)
            await self._parts.counsel.measure(work, message.steps)
        # Whatever was saved meanwhile and could not be acted upon then is seen now.
        self._parts.hints.look_again(after)

    async def app_ended(self, message: AppEnded) -> None:
        if self._parts.inflight.recreating:
            # It was stopped to make way; the round's end tells what serves.
            return
        config = self._parts.project.config
        exited = await self._parts.service.ended(message, self._course.served, config)
        if exited is None:
            return
        how = how_it_ended(exited.exit_status, killed=exited.out_of_memory, limit=exited.memory_limit)
        what = f"revision {exited.revision} {how}"
        if exited.restarting:
            self._course.given_up = Failure(what=what, hint="Docker starts it again")
            return
        if not self._parts.watch:
            raise StartFailed(what, log=exited.log)
        self._course.given_up = Failure(what=what, log=exited.log, exit_status=exited.exit_status)
        if self._parts.service.just_adopted:
            # A stop that a former daemon had asked for came true only now.
            self._course.attempted = None
            self._parts.hints.look_again()

    async def app_began(self, message: AppBegan) -> None:
        if not self._parts.inflight.recreating:
            await self._parts.service.began(message, self._parts.project.config)

    async def app_answers(self, message: AppAnswers) -> None:
        if self._parts.inflight.settled:
            # Its ports go to another one; where that fails, its end looks again.
            return
        ended = await self._parts.service.answers(message, self._parts.project.config)
        if ended is not None:
            await self.app_ended(ended)
        elif self._parts.service.number:
            # Has a standby wait for the next change; what ended was no container to look into.
            self._parts.standbys.try_again()
            self._parts.hints.look_again()

    def app_over_memory(self, message: AppOverMemory) -> None:
        self._parts.service.over_memory(message)

    def _came_to_serve(self, work: Work) -> None:
        """Keeps in mind what the revision was made from that serves now."""
        self._course.came_to_serve.add(work.number)
        if work.again is None:
            self._parts.serves(work.source)
        elif work.again.why is Why.ROLLBACK:
            # Its source is on no disk: nothing can be staged upon it, and what is there waits for a save.
            self._course.served, self._course.attempted = None, work.source.identity
            self._parts.standbys.set_aside(_ROLLED_BACK)
            what = f"revision {work.number} serves since a rollback"
            self._course.given_up = Failure(what=what, hint="the next save goes forward again")

    async def _failed(self, work: Work, error: DevboxError, *, built: bool, swap: str) -> None:
        serving, failure = (
            self._parts.service.number,
            failure_of(error, await problems_of(error, work.source)),
        )
        self._course.unserved_since = None
        if work.again is None:
            self._course.given_up = (of_release if built else of_build)(work.number, failure)
        if built and swap == "recreate":
            await self._parts.service.look_up()
            serving = self._parts.service.number
        elif not serving:
            # It may have been started again meanwhile.
            await self._parts.service.find_again(self._parts.project.config)
        if built:
            self._parts.tools.emit(ReleaseFailed(revision=work.number, failure=failure, serving=serving))
        else:
            step = error.step if isinstance(error, BuildError) else ""
            seconds = round(time.monotonic() - work.first_seen, 4)
            self._parts.tools.emit(
                BuildFailed(build=work.number, step=step, seconds=seconds, failure=failure, serving=serving)
            )
        if isinstance(error, EngineUnreachable):
            self._course.attempted = None
            self._parts.guards.engine_gone(error)
            self._parts.agenda.refuse(error)
        elif not self._parts.watch:
            raise error
        if not serving:
            what = f"revision {work.number} failed to start" if built else f"build {work.number} failed"
            message = f"devbox: no revision is serving: {what}: {error}"
            await self._parts.guards.refuse_clients(message)
