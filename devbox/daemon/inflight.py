"""The one round that runs, if one does: started, called off, and let finish where that is worth it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from devbox.build.plan import make_plan
from devbox.daemon.redeploy import Redeploy
from devbox.daemon.round import Round
from devbox.daemon.standbys import Claim
from devbox.daemon.tools import Tools
from devbox.daemon.work import Identity, Served, Serving, Source, Work, worth_finishing
from devbox.errors import DevboxError
from devbox.events import BuildStep, BuildSuperseded, Event
from devbox.model import Cold, Step, StepState
from devbox.watch import diff


@dataclass(frozen=True, slots=True)
class RoundEnded:
    """A round came to its end by itself; `built` where its image is there, by `steps`. `outcome` is what
    serves now, or why nothing new does; `succeeded` what commands before the start did."""

    work: Work
    outcome: Served | DevboxError
    built: bool
    swap: str
    succeeded: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


class Inflight:
    """At most one round at a time, run as a task of `group`; its end is told by `ended`.

    `free_again` is called when a superseded build has come to the end of the step it was let go on for.
    """

    def __init__(
        self,
        tools: Tools,
        group: asyncio.TaskGroup,
        ended: Callable[[RoundEnded], None],
        free_again: Callable[[], None],
    ) -> None:
        self._tools = replace(tools, emit=self._overhear)
        self._emit = tools.emit
        self._group, self._ended, self._free_again = group, ended, free_again
        self._round: Round | Redeploy | None = None
        self._work: Work | None = None
        self._task: asyncio.Task[None] | None = None
        self._running: set[str] = set()
        self._affected: frozenset[str] | None = None

    @property
    def identity(self) -> Identity | None:
        """What the running round builds, None where none runs."""
        return self._work.source.identity if self._work else None

    @property
    def source(self) -> Source | None:
        """What the running round works on, None where there is none."""
        return self._work.source if self._work else None

    @property
    def builds(self) -> bool:
        """True while a build runs, and not an image that is there already let serve again."""
        return self._work is not None and self._work.again is None

    @property
    def settled(self) -> bool:
        """True where the running round can, or shall, no longer be called off; also where it is over and its
        end was not handled yet."""
        if self._round is None or self._work is None or self._task is None:
            return False
        return self._round.committed or self._work.insist or self._task.done()

    @property
    def recreating(self) -> bool:
        """True while a round takes the serving container down on purpose."""
        return (
            self._round is not None
            and self._round.committed
            and self._work is not None
            and (self._work.source.config.swap == "recreate")
        )

    def take(self, ended: RoundEnded) -> bool:
        """Lets go of a round whose end is handled now; false for the end of one that was called off."""
        if self._work is not ended.work:
            return False
        self._work = self._round = self._task = None
        return True

    def start(
        self,
        work: Work,
        previous: Serving | None,
        claim: Claim | Cold,
        confirm: Callable[[Work], Awaitable[None]],
    ) -> None:
        """Begins a round; none may be running."""
        self._running.clear()
        self._affected = None
        self._work = work
        if work.again is not None:
            self._round = Redeploy(self._tools, work, work.again, previous, confirm)
        else:
            self._round = Round(self._tools, work, previous, claim, confirm)
        self._task = self._group.create_task(self._run(self._round, work))

    def defers(self, source: Source) -> bool:
        """Whether the running build should go on though `source` supersedes it: a long step is running that
        the newer change does not touch, and the next build takes its result from the cache."""
        if self._work is None or self._round is None or self._round.releasing:
            return False
        former, config = self._work.source, source.config
        if former.config.config_hash != config.config_hash or former.dockerfile != source.dockerfile:
            return False
        changes = diff(former.snapshot, source.snapshot, 0.0, 0.0, dockerfile=source.dockerfile_name)
        affected = frozenset(make_plan(source.dockerfile, config.build_args, config.target, changes).reasons)
        if not worth_finishing(self._running, affected):
            return False
        self._affected = affected
        return True

    async def call_off(self, cause: str) -> bool:
        """Ends the running round with what serves still serving; False where none runs."""
        if self._task is None or self._work is None:
            return False
        work, task = self._work, self._task
        self._work = self._round = self._task = None
        task.cancel()
        await asyncio.wait({task})
        self.superseded(work, cause)
        return True

    def superseded(self, work: Work, cause: str) -> None:
        """Says that the result of a build, a rollback or a restart is worth nothing any more."""
        seconds = round(time.monotonic() - work.first_seen, 4)
        again = work.again.why.value if work.again is not None else ""
        self._emit(BuildSuperseded(build=work.number, cause=cause, seconds=seconds, again=again))

    async def _run(self, running: Round | Redeploy, work: Work) -> None:
        outcome: Served | DevboxError
        try:
            outcome = await running.run()
        except DevboxError as error:
            outcome = error
        swap, succeeded = work.source.config.swap, running.succeeded
        self._ended(RoundEnded(work, outcome, running.releasing, swap, succeeded, running.steps))

    def _overhear(self, event: Event) -> None:
        """Hands events on and keeps an eye on which steps are running."""
        self._emit(event)
        if not isinstance(event, BuildStep):
            return
        if event.step.state is StepState.RUNNING:
            self._running.add(event.step.instruction)
        else:
            self._running.discard(event.step.instruction)
        if self._affected is not None and not worth_finishing(self._running, self._affected):
            self._affected = None
            self._free_again()
