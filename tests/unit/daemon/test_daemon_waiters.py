"""Who waits for what is on disk is never answered about older code."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devbox.daemon.orders import Asked, Await, Outcome
from devbox.daemon.waiters import Waiters
from devbox.events import Failure
from tests.unit.daemon.kit import identity, serving

FAILED = Failure(what="build 2 failed")


async def test_what_served_before_anybody_looked_is_no_answer() -> None:
    waiters, asked = Waiters(), Asked(Await())
    waiters.looked(identity("1"))
    waiters.add(asked)
    waiters.settle(serving("1"), given_up=None, failure=FAILED)
    assert not asked.answer.done()
    waiters.looked(identity("1"))
    waiters.settle(serving("1"), given_up=None, failure=FAILED)
    assert await asked.answer == Outcome(True, 1)


async def test_what_was_given_up_is_told_only_where_it_is_the_newest() -> None:
    waiters, asked = Waiters(), Asked(Await())
    waiters.add(asked)
    waiters.looked(identity("2"))
    waiters.looked(identity("3"))
    waiters.settle(serving("1"), given_up=identity("2"), failure=FAILED)
    assert not asked.answer.done()
    waiters.settle(serving("1"), given_up=identity("3"), failure=FAILED)
    assert await asked.answer == Outcome(False, 1, FAILED)


async def test_what_ended_does_not_serve() -> None:
    waiters, asked = Waiters(), Asked(Await())
    waiters.add(asked)
    waiters.looked(identity("1"))
    waiters.settle(serving("1", alive=False), given_up=identity("1"), failure=FAILED)
    assert await asked.answer == Outcome(False, 0, FAILED)


@given(
    seen=st.lists(st.sampled_from("123"), max_size=4),
    after=st.lists(st.sampled_from("123"), max_size=4),
    serves=st.sampled_from("123"),
)
async def test_served_means_that_it_was_on_disk_after_the_question(
    seen: list[str], after: list[str], serves: str
) -> None:
    waiters, asked = Waiters(), Asked(Await())
    for name in seen:
        waiters.looked(identity(name))
    waiters.add(asked)
    for name in after:
        waiters.looked(identity(name))
    waiters.settle(serving(serves), given_up=None, failure=FAILED)
    assert asked.answer.done() == (serves in after)
