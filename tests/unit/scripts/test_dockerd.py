"""How dockerd is started where it does not start as it is."""

from __future__ import annotations

import pytest

from scripts.dockerd import WITHOUT_IPTABLES, WITHOUT_OVERLAY, weaker

NO_OVERLAY = "error initializing graphdriver: driver not supported"
NO_IPTABLES = "error initializing network controller: iptables not found"


def test_a_reason_takes_away_what_it_names() -> None:
    assert weaker((), NO_OVERLAY) == WITHOUT_OVERLAY
    assert weaker((), NO_IPTABLES) == WITHOUT_IPTABLES
    assert weaker(WITHOUT_OVERLAY, NO_IPTABLES) == WITHOUT_OVERLAY + WITHOUT_IPTABLES


@pytest.mark.parametrize("reason", [NO_OVERLAY, NO_IPTABLES, "something else"])
def test_it_gives_up_when_all_has_been_tried(reason: str) -> None:
    tried: tuple[str, ...] | None = ()
    for _ in range(3):
        if tried is None:
            break
        tried = weaker(tried, reason)
    assert tried is None


def test_another_storage_driver_never_sees_the_build_cache_of_the_first() -> None:
    """BuildKit's cache names layers that only the driver it was filled with has."""
    assert any(argument.startswith("--data-root=") for argument in WITHOUT_OVERLAY)
