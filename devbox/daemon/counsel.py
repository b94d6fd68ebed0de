"""Advice on what is built, told when it changed, and once each when it would have saved seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from devbox.build.advice import Advice, Given, advise, saving
from devbox.daemon.advising import given, told
from devbox.daemon.work import Source, Work
from devbox.errors import DevboxError
from devbox.events import AdviceInfo, BuildAdvice, BuildAvoidable, Emit
from devbox.model import Step


class Counsel:
    """Advice of one session; says nothing for as long as there is none."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._given: Given | None = None
        self._found: tuple[Advice, ...] = ()
        self._told: tuple[AdviceInfo, ...] = ()
        self._measured: set[tuple[str, str]] = set()

    async def tell(self, source: Source) -> None:
        """Says what could be better in what is on disk, where that is something else than was said last."""
        findings = tuple(told(each) for each in await self._advice(source))
        if findings != self._told:
            self._told = findings
            self._emit(BuildAdvice(findings=findings))

    async def measure(self, work: Work, steps: Sequence[Step]) -> None:
        """Says by how much the build would have been shorter, where that is a second or more and was not said
        of that advice yet."""
        if work.no_cache or work.pull or not work.changed:
            return
        fresh = [
            each for each in await self._advice(work.source) if (each.rule, each.hint) not in self._measured
        ]
        most = saving(fresh, steps, work.changed)
        if most is not None:
            self._measured.add((most.advice.rule, most.advice.hint))
            self._emit(
                BuildAvoidable(
                    build=work.number,
                    seconds=round(most.seconds, 4),
                    exact=most.exact,
                    finding=told(most.advice),
                )
            )

    async def _advice(self, source: Source) -> tuple[Advice, ...]:
        """Thought over again only where something that it reads is another one; contents of files are not."""
        now = await asyncio.to_thread(_given, source)
        if now is None:
            self._found = ()
        elif now != self._given:
            self._found = await asyncio.to_thread(_advice, now)
        self._given = now
        return self._found


def _given(source: Source) -> Given | None:
    try:
        return given(source.config, source.dockerfile, source.dockerfile_bytes, source.snapshot.entries)
    except DevboxError:
        # What cannot be built is told by the build.
        return None


def _advice(known: Given) -> tuple[Advice, ...]:
    try:
        return advise(known)
    except DevboxError:
        return ()
