"""A build that the engine never begins is given up; one that has begun may take its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from devbox.build.patience import Message, Sending, answered
from devbox.errors import EngineRefused


async def _messages(*delays: float) -> AsyncIterator[Message]:
    for delay in delays:
        await asyncio.sleep(delay)
        yield {"after": delay}


async def test_silence_before_the_first_word_is_bounded() -> None:
    sending = Sending(iter([b"context"]))
    assert b"".join(sending) == b"context"
    with pytest.raises(EngineRefused, match="does not begin"):
        async for _ in answered(_messages(60), sending, bound=0.1):
            pass


async def test_silence_after_the_first_word_is_not() -> None:
    found = [message async for message in answered(_messages(0, 0.7), Sending(iter([])), bound=0.1)]
    assert len(found) == 2


async def test_no_message_at_all_is_no_message() -> None:
    assert [message async for message in answered(_messages(), Sending(iter([])), bound=0.1)] == []


async def test_giving_up_ends_the_build() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[Message]:
        try:
            await asyncio.sleep(60)
            yield {}
        finally:
            ended.set()

    async def follow() -> None:
        async for _ in answered(endless(), Sending(iter([]))):
            pass

    task = asyncio.create_task(follow())
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert ended.is_set()
