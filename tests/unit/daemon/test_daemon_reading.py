"""What cannot be built is told once it has stayed so, however often it is looked at meanwhile."""

from __future__ import annotations

import time
from typing import cast

import pytest

from devbox.daemon.news import News
from devbox.daemon.project import Project
from devbox.daemon.reading import Reading, Unusable
from devbox.errors import DockerfileError
from devbox.watch import Look, Reason
from tests.unit.daemon.kit import Said


class Unreadable:
    """A project whose Dockerfile is empty."""

    async def read(self, *, hinted: bool) -> None:
        raise DockerfileError("the Dockerfile cannot be empty")


async def test_looks_that_follow_upon_each_other_tell_nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    again: list[float] = []
    reading = Reading(cast("Project", Unreadable()), News(Said()), again.append)
    look = Look(now, now, Reason.EVENT, paths=("Dockerfile",))
    for moment in (100.0, 100.001, 100.2):
        now = moment
        assert await reading.read(look) is None
    assert len(again) == 3
    now = 100.4
    first, second = await reading.read(look), await reading.read(look)
    assert isinstance(first, Unusable)
    assert isinstance(second, Unusable)
    assert (first.news, second.news) == (True, False)
