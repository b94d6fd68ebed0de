"""What a look at the disk leads to, as a table."""

from __future__ import annotations

import pytest

from devbox.daemon.work import Identity, Serving, Verdict, decide, worth_finishing

from .kit import identity, serving

A, B, C = identity("a"), identity("b"), identity("c")
DEAD_A = serving("a", alive=False)
ON_A = serving("a")


@pytest.mark.parametrize(
    ("building", "attempted", "serves", "retry", "verdict"),
    [
        # The disk holds A. Nothing runs yet.
        (None, None, None, False, "build"),
        (None, None, None, True, "build"),
        # A serves.
        (None, A, ON_A, False, "nothing"),
        (None, A, ON_A, True, "nothing"),
        # A serves, B was tried since and failed: back to A.
        (None, B, ON_A, False, "revert"),
        (None, None, ON_A, False, "revert"),
        # A serves, and B is being built: what for?
        (B, B, ON_A, False, "revert"),
        # A is being built.
        (A, A, None, False, "nothing"),
        (A, A, None, True, "nothing"),
        (A, A, serving("b"), True, "nothing"),
        # B is being built, or serves, or failed.
        (B, B, None, False, "build"),
        (B, B, serving("c"), False, "build"),
        (None, B, serving("b"), False, "build"),
        (None, B, None, False, "build"),
        # A failed: again only when asked.
        (None, A, None, False, "nothing"),
        (None, A, None, True, "build"),
        (None, A, serving("b"), False, "nothing"),
        (None, A, serving("b"), True, "build"),
        # A served and ended by itself.
        (None, A, DEAD_A, False, "nothing"),
        (None, A, DEAD_A, True, "build"),
        (None, None, DEAD_A, False, "build"),
        (B, B, DEAD_A, False, "build"),
    ],
)
def test_decide(
    building: Identity | None, attempted: Identity | None, serves: Serving | None, retry: bool, verdict: str
) -> None:
    found = decide(A, building=building, attempted=attempted, serving=serves, retry=retry)
    assert found is Verdict(verdict)


def test_an_identity_is_content_and_settings() -> None:
    assert identity("a") == serving("a").identity
    assert A != B


@pytest.mark.parametrize(
    ("running", "affected", "worth"),
    [
        ([], [], False),
        (["RUN pip install ."], [], True),
        (["RUN pip install ."], ["COPY app app"], True),
        (["RUN pip install ."], ["RUN pip install ."], False),
        (["COPY app app"], [], False),
        (["WORKDIR /app"], [], False),
        (["RUN pip install .", "RUN npm ci"], ["RUN pip install ."], True),
        (["RUNNER"], [], False),
    ],
)
def test_a_superseded_build_goes_on_for_a_run_that_the_change_does_not_touch(
    running: list[str], affected: list[str], worth: bool
) -> None:
    assert worth_finishing(running, affected) is worth
