"""Base images are pulled where they are missing, and only there."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from devbox.build import pull
from devbox.build.pull import pull_missing
from devbox.engine.fake import Behaviour, FakeEngine
from devbox.engine.values import PullProgress
from devbox.errors import PullFailed

from .traces import Heard


async def test_only_what_is_missing_is_pulled() -> None:
    engine = FakeEngine()
    engine.add_image("there:1")
    engine.registry["missing:1"] = Behaviour()
    heard = Heard()
    await pull_missing(engine, ["there:1", "missing:1", "missing:1"], 3, heard)
    assert await engine.image("missing:1") is not None
    assert heard.lines == [
        ("pull missing:1", "progress", "pulling"),
        ("pull missing:1", "progress", "pulled"),
    ]


async def test_what_cannot_be_pulled_ends_the_build() -> None:
    with pytest.raises(PullFailed, match="cannot pull nowhere:1"):
        await pull_missing(FakeEngine(), ["nowhere:1"], 3, Heard())


class Slow(FakeEngine):
    """Says a thousand times how far it is."""

    async def pull(self, reference: str) -> AsyncGenerator[PullProgress, None]:
        yield PullProgress("Waiting")
        for done in range(1000):
            yield PullProgress("Downloading", done * 100_000, 100_000_000)


async def test_progress_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    await pull_missing(Slow(), ["big:1"], 3, heard)
    assert len(heard.lines) < 20
    monkeypatch.setattr(pull, "_SAY_EVERY", 0.0)
    heard = Heard()
    await pull_missing(Slow(), ["big:1"], 3, heard)
    said = [line for _, _, line in heard.lines]
    assert said[:4] == ["pulling", "Waiting", "0.0 of 100.0 MB", "0.1 of 100.0 MB"]
    assert said[-2:] == ["99.9 of 100.0 MB", "pulled"]
