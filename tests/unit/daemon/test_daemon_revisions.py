"""Which revision a rollback means."""

from __future__ import annotations

import pytest

from devbox.daemon.revisions import to_restart, to_roll_back_to
from devbox.daemon.work import Why
from devbox.errors import UsageError
from tests.unit.daemon.kit import image, serving

KEPT = [image(number) for number in (7, 6, 5, 4)]


@pytest.mark.parametrize(
    ("wanted", "serves", "unfit", "meant"),
    [
        (0, 7, set(), 6),
        (0, 7, {6, 5}, 4),
        (5, 7, {5}, 5),
        (7, 5, set(), 7),
        (0, 0, set(), 7),
        (0, 5, set(), 4),
    ],
)
def test_the_one_before_or_the_one_that_is_named(
    wanted: int, serves: int, unfit: set[int], meant: int
) -> None:
    again = to_roll_back_to(wanted, KEPT, serves, 8, lambda number: number not in unfit)
    assert (again.revision.number, again.revision.image, again.why) == (meant, f"image-{meant}", Why.ROLLBACK)


@pytest.mark.parametrize(
    ("wanted", "serves", "says"),
    [(0, 4, "no older revision"), (9, 7, "revision 9 is not kept"), (7, 7, "revision 7 serves already")],
)
def test_what_cannot_be_meant_says_what_is_kept(wanted: int, serves: int, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        to_roll_back_to(wanted, KEPT, serves, 8, lambda _: True)
    assert caught.value.cause == "kept: 4, 5, 6, 7"


def test_a_restart_is_of_what_serves_or_served_last() -> None:
    assert to_restart(serving(alive=False)).revision.number == 1
    with pytest.raises(UsageError, match="nothing to restart"):
        to_restart(None)
