"""What becomes of a standby whose round is over."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from devbox.daemon.standbys import Claim, Made
from devbox.daemon.work import Source


@pytest.mark.parametrize(
    ("touched", "wanted", "stays"), [(False, True, True), (True, True, False), (False, False, False)]
)
async def test_a_standby_stays_only_as_it_was_and_only_where_it_is_wanted(
    touched: bool, wanted: bool, stays: bool
) -> None:
    kept: list[Claim] = []

    async def make() -> Made:
        await asyncio.Event().wait()
        raise AssertionError

    def keep(claim: Claim) -> bool:
        kept.append(claim)
        return wanted

    making: asyncio.Task[Any] = asyncio.create_task(make())
    claim = Claim(making, cast("Source", None), keep)
    await claim.give_back(touched=touched)
    assert making.done() is not stays
    assert kept == ([] if touched else [claim])
    making.cancel()
