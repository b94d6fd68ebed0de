"""The bounded past of a session, and those who follow it."""

from __future__ import annotations

import asyncio
import tracemalloc

from devbox.daemon.hub import Hub, Kept
from devbox.events import AppLog, BuildStep, ChangeIgnored, Event, SessionStarted, SessionStopped, StepInfo
from devbox.model import StepState


def started() -> Event:
    return SessionStarted(seq=1, project="shop", root="/shop", urls=(), engine="fake", version="0")


def ignored(seq: int) -> Event:
    return ChangeIgnored(seq=seq, reason="nothing changed")


def line(seq: int) -> Event:
    return AppLog(seq=seq, revision=1, stream="stdout", line="said")


def numbers(events: list[Kept]) -> list[int]:
    return [event.seq for event in events]


async def test_a_follower_has_the_past_and_what_comes_in_order_and_ends_with_the_session() -> None:
    hub = Hub()
    for event in (started(), ignored(2), line(3)):
        hub(event)
    got: list[Kept] = []

    async def follow() -> None:
        got.extend([event async for event in hub.follow()])

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    hub(ignored(4))
    hub(SessionStopped(seq=5, reason="Ctrl-C"))
    hub.close()
    await asyncio.wait_for(following, 5)
    assert numbers(got) == [1, 2, 3, 4, 5]
    assert numbers([event async for event in hub.follow(3)]) == [4, 5]


def test_a_number_of_an_earlier_session_leaves_nothing_out() -> None:
    hub = Hub()
    for event in (started(), ignored(2)):
        hub(event)
    assert numbers(list(hub.kept(1))) == [2]
    assert numbers(list(hub.kept(2))) == []
    assert numbers(list(hub.kept(700))) == [1, 2]


def test_a_flood_of_lines_pushes_out_lines_only() -> None:
    hub = Hub()
    hub(started())
    hub(ignored(2))
    for seq in range(3, 5003):
        hub(line(seq))
    hub(ignored(5003))
    kept = numbers(list(hub.kept()))
    assert kept[:2] == [1, 2]
    assert kept[-1] == 5003
    assert len(kept) == 3 + 1024
    assert kept == sorted(kept)


async def test_who_falls_too_far_behind_is_let_go_and_holds_nothing() -> None:
    hub = Hub()
    hub(started())
    following = hub.follow()
    assert (await anext(following)).seq == 1
    waiting = asyncio.ensure_future(anext(following, None))
    await asyncio.sleep(0)
    for seq in range(2, 6000):
        hub(ignored(seq))
    first = await asyncio.wait_for(waiting, 5)
    rest = [event async for event in following]
    assert first is None or first.seq == 2
    assert rest == []
    assert numbers(list(hub.kept(5990))) == list(range(5991, 6000))


def test_an_event_takes_little_more_than_its_text() -> None:
    """As objects 5,000 events took 9 MB, a seventh of what the daemon takes in all."""
    hub, step = Hub(), StepInfo(index=1, instruction="COPY app app", state=StepState.DONE, total=7)
    tracemalloc.start()
    try:
        for seq in range(1, 4097):
            hub(BuildStep(seq=seq, build=seq, step=step))
        took, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    texts = sum(len(told.text) for told in hub.kept())
    assert took < 2 * texts
