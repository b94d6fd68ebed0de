"""One rebuild after the other, each waited for and then asked for its code."""

from __future__ import annotations

from collections import Counter

from bench.load import ask
from bench.soak.company import Company
from bench.soak.follower import Follower
from bench.soak.mix import BROKEN, Aside, Change, aside, change
from bench.soak.running import Running
from bench.soak.source import Source
from devbox.daemon.api.models import RebuildOrder, RollbackOrder, WaitOrder
from devbox.events import BuildStarted, Event, ReleaseFailed, ReleaseServed

BOUND = 120.0
STANDBY_BOUND = 30.0
_VERBS = (
    ("status", "--json"),
    ("history",),
    ("explain",),
    ("logs", "--tail", "20"),
    ("wait", "--timeout", "60"),
    ("events",),
)


class Steps:
    """Makes rebuilds; what did not come out as it should is in `surprises`, and ends nothing."""

    def __init__(self, running: Running, follower: Follower, company: Company, url: str) -> None:
        self._running, self._follower, self._company, self._url = running, follower, company, url
        self._client = running.client
        self._source = Source(running.app)
        self._answers: dict[int, str] = {}
        self._answer = ""
        self.surprises: list[str] = []
        self.done: Counter[str] = Counter()

    async def step(self, number: int) -> None:
        """Rebuild `number`, with whatever comes before it."""
        await self._company.turn(number)
        if number % 10 == 0:
            await self._ask_about(number)
        for act in (self._aside, self._rebuild):
            try:
                await act(number)
            except TimeoutError:
                self._surprise(number, "took too long")

    async def _aside(self, number: int) -> None:
        what = aside(number)
        if what is None:
            return
        if what is Aside.ROLLBACK:
            begun = await self._client.rollback(RollbackOrder(revision=0))
        else:
            begun = await self._client.restart()
        served = await self._outcome(begun.number, begun.after)
        self.done[what.value] += 1
        if isinstance(served, ReleaseServed):
            await self._answers_with(number, self._answers.get(served.revision, ""))
        else:
            self._surprise(number, f"{what.value}: {served.model_dump_json()}")

    async def _rebuild(self, number: int) -> None:
        what = change(number)
        before = (await self._client.status()).last
        if what is Change.PAUSED:
            await self._client.pause()
        if what is Change.ASKED:
            begun = await self._client.rebuild(RebuildOrder(no_cache=False, pull=False))
            await self._outcome(begun.number, begun.after)
        else:
            text = self._source.save(what, number)
            self._answer = self._answer if what in BROKEN else text
        if what is Change.HURRIED:
            await self._follower.until(lambda event: isinstance(event, BuildStarted), before, BOUND)
            self._answer = self._source.save(Change.EDIT, number * 1000)
        if what is Change.PAUSED:
            await self._client.resume()
        waited = await self._client.wait(WaitOrder(timeout=BOUND))
        self.done[what.value] += 1
        if waited.result != ("failed" if what in BROKEN else "serving"):
            self._surprise(number, f"{what.value}: {waited}")
        self._answers[waited.revision] = self._answer
        await self._answers_with(number, self._answer)
        if waited.result == "serving":
            latest = (await self._client.status()).last
            try:
                await self._follower.standing_by(latest, STANDBY_BOUND)
            except TimeoutError:
                # One that could not be made is not tried again until the next change.
                self.done["no standby"] += 1

    async def _outcome(self, number: int, after: int) -> Event:
        def tells(event: Event) -> bool:
            return isinstance(event, ReleaseServed | ReleaseFailed) and event.revision == number

        return await self._follower.until(tells, after, BOUND)

    async def _answers_with(self, number: int, text: str) -> None:
        answer = await ask(self._url)
        if text not in (answer.body or ""):
            self._surprise(number, f"{text!r} expected, answered with {answer.body!r}")

    async def _ask_about(self, number: int) -> None:
        verb = _VERBS[number // 10 % len(_VERBS)]
        code = await self._running.verb(*verb)
        self.done[f"devbox {verb[0]}"] += 1
        if code != 0:
            self._surprise(number, f"devbox {' '.join(verb)} ended with {code}")

    def _surprise(self, number: int, what: str) -> None:
        self.surprises.append(f"rebuild {number}: {what}")
