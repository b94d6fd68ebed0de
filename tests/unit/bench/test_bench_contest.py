"""The contest with a contestant that serves from this very process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise

import pytest

from bench.child import BenchError
from bench.contest import SPREAD, WARM_UP, contest, offset
from bench.contestants import Contestant, NotHere
from bench.figures import longest_gap


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that these contestants do takes a second to settle."""
    monkeypatch.setattr("bench.contest.BEFORE", 0.02)
    monkeypatch.setattr("bench.contest.AFTER", 0.05)


class InProcess:
    """Answers with the edited text `DELAY` after the edit, and refuses connections until then if told so."""

    DELAY = 0.1

    def __init__(self, journal: list[str], title: str = "in process", *, refuses: bool = False) -> None:
        self.title = title
        self.about = "in this process"
        self.journal = journal
        self._refuses = refuses
        self._text = "hello"
        self._server: asyncio.Server | None = None
        self._swap: asyncio.Task[None] | None = None
        self._port = 0

    async def start(self) -> str:
        await self._listen()
        return f"http://127.0.0.1:{self._port}/"

    def edit(self, text: str) -> float:
        self.journal.append(f"{self.title}: {text}")
        loop = asyncio.get_running_loop()
        if self._refuses and self._server is not None:
            self._server.close()
        self._swap = asyncio.create_task(self._serve(text))
        return loop.time()

    async def split(self) -> Mapping[str, float]:
        return {"wait": self.DELAY}

    def failure(self, what: str) -> BenchError:
        return BenchError(what)

    async def stop(self) -> None:
        self.journal.append(f"{self.title}: stopped")
        if self._swap is not None:
            await self._swap
        if self._server is not None:
            self._server.close()

    async def _serve(self, text: str) -> None:
        await asyncio.sleep(self.DELAY)
        if self._refuses:
            await self._listen()
        self._text = text

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = self._text.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()


class Missing(InProcess):
    async def start(self) -> str:
        raise NotHere("not on this machine")


class Broken(InProcess):
    async def start(self) -> str:
        raise BenchError("it does not start")


def tell(_: str) -> None:
    """Nobody listens."""


async def test_an_edit_is_measured_from_the_save_to_the_first_answer() -> None:
    measured, missing = await contest({"one": InProcess([])}, 1, tell)
    (edit,) = measured["one"]
    assert not missing
    assert InProcess.DELAY <= edit.served - edit.saved < 2.0
    assert edit.split == {"wait": InProcess.DELAY}
    assert all(request.body is not None for request in edit.requests)
    assert len(edit.requests) > 10


async def test_refused_connections_are_counted_and_leave_a_gap() -> None:
    measured, _ = await contest({"one": InProcess([], refuses=True)}, 1, tell)
    (edit,) = measured["one"]
    assert any(request.body is None for request in edit.requests)
    assert longest_gap(edit.requests) >= InProcess.DELAY


async def test_edits_are_taken_in_turns_and_everything_is_stopped() -> None:
    journal: list[str] = []
    contestants: dict[str, Contestant] = {
        "a": InProcess(journal, "a"),
        "b": Missing(journal, "b"),
        "c": InProcess(journal, "c"),
    }
    measured, missing = await contest(contestants, 1, tell)
    edits, stops = journal[:4], journal[4:]
    assert [entry[0] for entry in edits] == ["a", "c", "a", "c"]
    assert len({entry.partition(": ")[2] for entry in edits}) == 4
    assert stops == ["c: stopped", "b: stopped", "a: stopped"]
    assert {name: len(edits) for name, edits in measured.items()} == {"a": 1, "c": 1}
    assert missing == {"b": "not on this machine"}


async def test_one_that_does_not_start_ends_the_contest_and_stops_the_others() -> None:
    journal: list[str] = []
    with pytest.raises(BenchError, match="it does not start"):
        await contest({"a": InProcess(journal, "a"), "b": Broken(journal, "b")}, 1, tell)
    assert journal == ["b: stopped", "a: stopped"]


def test_saves_are_spread_over_the_time_of_a_slow_poll() -> None:
    offsets = sorted(offset(turn) for turn in range(WARM_UP, WARM_UP + 10))
    assert all(0 <= value < SPREAD for value in offsets)
    steps = [later - earlier for earlier, later in pairwise(offsets)]
    assert max(steps) < SPREAD / 4
