"""Sessions of one compose project take turns; a folder that cannot be locked stops nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devbox.compose.turns import turn
from devbox.errors import ServicesFailed


async def test_one_comes_after_the_other(tmp_path: Path) -> None:
    done: list[str] = []
    entered = asyncio.Event()

    async def second() -> None:
        entered.set()
        async with turn(tmp_path, 30.0):
            done.append("second")

    async with turn(tmp_path, 30.0):
        waiting = asyncio.create_task(second())
        await entered.wait()
        with pytest.raises(ServicesFailed, match="another devbox is starting services"):
            async with turn(tmp_path, 0.0):
                done.append("in between")
        done.append("first")
    await waiting
    assert done == ["first", "second"]


async def test_a_folder_that_is_gone_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with turn(tmp_path / "none", 0.0):
        pass
