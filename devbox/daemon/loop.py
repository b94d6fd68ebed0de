"""The loop: hints become looks, looks become rounds, rounds become revisions that serve.

One consumer handles one message after the other; everything that waits runs beside it as a task of the
session's group and puts its outcome into the same inbox.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from devbox.daemon.agenda import Agenda
from devbox.daemon.asking import Asking
from devbox.daemon.beforestart import read
from devbox.daemon.counsel import Counsel
from devbox.daemon.guards import AppAnswers, AppBegan, AppEnded, AppOverMemory, EngineReturned, Guards, Notice
from devbox.daemon.inflight import Inflight, RoundEnded
from devbox.daemon.looks import Looks
from devbox.daemon.news import News
from devbox.daemon.orders import Asked, Order, Outcome, Restart
from devbox.daemon.outcomes import Outcomes
from devbox.daemon.ownoutput import output_files
from devbox.daemon.parts import Course, Hints, Parts
from devbox.daemon.planner import Planner
from devbox.daemon.project import Project
from devbox.daemon.service import Service
from devbox.daemon.standbys import Standbys
from devbox.daemon.tools import Tools
from devbox.daemon.work import Serving
from devbox.errors import DevboxError
from devbox.events import WatchDegraded
from devbox.watch import Degraded, Look

Message: TypeAlias = Look | Degraded | RoundEnded | Notice | Asked


class Loop:
    """Keeps what is on disk serving. Runs until cancelled; without `watch`, until something fails."""

    def __init__(self, project: Project, tools: Tools, *, watch: bool) -> None:
        self._project, self._tools, self._watch = project, tools, watch
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._parts: Parts | None = None

    async def run(
        self, serving: Serving | None, last_number: int, never_served: frozenset[int] = frozenset()
    ) -> None:
        """Starts from what was found on the engine, and from which of its revisions never served; raises
        DevboxError where it cannot go on at all."""
        try:
            async with asyncio.TaskGroup() as group:
                self._parts = parts = self._assemble(
                    group, Course(last_number, begun_after=last_number, never_served=never_served)
                )
                try:
                    self._begin(parts, serving)
                    looks, outcomes = Looks(parts), Outcomes(parts)
                    asking = Asking(parts, self._inbox.put_nowait)
                    while True:
                        await self._handle(await self._inbox.get(), parts, looks, outcomes, asking)
                finally:
                    parts.agenda.refuse(DevboxError("devbox is stopping"))
                    await parts.standbys.close()
        except ExceptionGroup as errors:
            expected, others = errors.split(DevboxError)
            if expected is None or others is not None:
                raise
            raise expected.exceptions[0] from None

    @property
    def container(self) -> str:
        """The name of the container that serves, '' where none does."""
        service = self._parts.service if self._parts is not None else None
        return service.serving.name if service is not None and service.number and service.serving else ""

    async def order(self, order: Order) -> int | Outcome:
        """What the order is answered with, from another task of the session; raises DevboxError where it is
        refused."""
        asked = Asked(order)
        self._inbox.put_nowait(asked)
        return await asked.answer

    def _restart(self) -> None:
        asked = Asked(Restart())
        # Whatever refuses it is told by whoever resumes.
        asked.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self._inbox.put_nowait(asked)

    def _assemble(self, group: asyncio.TaskGroup, course: Course) -> Parts:
        tools, put = self._tools, self._inbox.put_nowait
        hints, guards = Hints(put, group), Guards(tools, put, group)
        return Parts(
            project=self._project,
            tools=tools,
            watch=self._watch,
            news=News(tools.emit, output_files(self._project.config.context)),
            course=course,
            agenda=Agenda(),
            hints=hints,
            guards=guards,
            inflight=Inflight(tools, group, put, hints.look_again),
            service=Service(tools, guards, group, course.is_fit),
            standbys=Standbys(tools),
            planner=Planner(group),
            counsel=Counsel(tools.emit),
        )

    def _begin(self, parts: Parts, serving: Serving | None) -> None:
        parts.guards.watch_engine()
        parts.guards.watch_gate()
        if serving is not None:
            parts.service.take_over(serving)
            parts.course.attempted = serving.identity
            parts.course.succeeded = read(serving.record)
        if self._watch:
            parts.hints.follow(self._project.watcher)
        parts.hints.look_again()

    async def _handle(
        self, message: Message, parts: Parts, looks: Looks, outcomes: Outcomes, asking: Asking
    ) -> None:
        match message:
            case Look():
                await looks.look(message)
            case Degraded():
                self._tools.emit(WatchDegraded(reason=message.reason, hint=message.hint))
            case RoundEnded():
                await outcomes.ended(message)
            case AppEnded():
                await outcomes.app_ended(message)
            case AppBegan():
                await outcomes.app_began(message)
            case AppAnswers():
                await outcomes.app_answers(message)
            case AppOverMemory():
                outcomes.app_over_memory(message)
            case Asked():
                await asking.take(message)
            case EngineReturned():
                if not await parts.service.find_again(self._project.config):
                    parts.course.attempted = None
                    if parts.agenda.paused:
                        # Saves lead to nothing: what served does, and not what was written since.
                        self._restart()
                parts.hints.look_again()
