"""The turns: every contestant sees one edit, then every contestant the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from bench.contestants import Contestant, NotHere
from bench.figures import Edit
from bench.load import Load

WARM_UP = 1
# Many more, and on two cores it is the load that is measured.
EVERY = 0.02
# What load comes before the save, and after it was served: an old container needs time to end.
BEFORE = 0.2
SPREAD = 0.25
GOLDEN_RATIO = 0.6180339887
AFTER = 1.0
SERVED_BOUND = 60.0


async def contest(
    contestants: Mapping[str, Contestant], edits: int, tell: Callable[[str], None]
) -> tuple[dict[str, tuple[Edit, ...]], dict[str, str]]:
    """`edits` edits for each contestant that is here, after `WARM_UP` that do not count; and for each of the
    others why it is not here.

    Everything that was started is stopped again, however this ends. Raises BenchError where a contestant
    fails; its edits would not be comparable.
    """
    urls: dict[str, str] = {}
    missing: dict[str, str] = {}
    async with AsyncExitStack() as started:
        for name, contestant in contestants.items():
            tell(f"{contestant.title}: starting")
            started.push_async_callback(contestant.stop)
            try:
                urls[name] = await contestant.start()
            except NotHere as error:
                missing[name] = str(error)
                tell(f"{contestant.title}: {error}")
        # Code that was built before, here or in another run, would come out of the builder's cache.
        run = f"{time.time_ns():x}"
        done: dict[str, list[Edit]] = {name: [] for name in urls}
        for turn in range(WARM_UP + edits):
            for name, url in urls.items():
                edit = await _measure(contestants[name], url, turn, f"{run} {name} {turn:03d}")
                if turn >= WARM_UP:
                    done[name].append(edit)
                counts = f"edit {turn + 1 - WARM_UP} of {edits}" if turn >= WARM_UP else "warming up"
                tell(f"{counts}: {contestants[name].title} {edit.served - edit.saved:.3f} s")
    return {name: tuple(measured) for name, measured in done.items()}, missing


async def _measure(contestant: Contestant, url: str, turn: int, text: str) -> Edit:
    async with Load(url, EVERY) as load:
        await asyncio.sleep(BEFORE + offset(turn))
        saved = contestant.edit(text)
        try:
            first = await load.first(text, SERVED_BOUND)
        except TimeoutError as error:
            what = f"{contestant.title} did not serve an edit within {SERVED_BOUND:.0f} s"
            raise contestant.failure(what) from error
        await asyncio.sleep(AFTER)
    return Edit(saved, first.ended, load.requests, await contestant.split())


def offset(turn: int) -> float:
    """Seconds by which a save is put off, spread evenly over `SPREAD` whatever the number of turns: whoever
    polls must not be met at the same moment each time."""
    return turn * GOLDEN_RATIO % 1 * SPREAD
