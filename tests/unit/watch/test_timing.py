"""When it is time to look, on a clock that only the test moves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.watch.inbox import Inbox
from devbox.watch.pace import backstop_interval, restart_delay
from devbox.watch.settle import joined, quiet_time
from devbox.watch.values import Hint, Reason

_SECONDS = st.floats(0, 1000, allow_nan=False)


def test_one_saved_file_waits_for_three_milliseconds() -> None:
    assert quiet_time(5.0, 5.0, 5.0, 1) == pytest.approx(0.003)
    assert quiet_time(5.0, 5.0, 5.002, 1) == pytest.approx(0.001)
    assert quiet_time(5.0, 5.0, 5.1, 1) == 0


def test_the_longer_the_burst_the_longer_the_wait_up_to_two_seconds() -> None:
    waits = [quiet_time(0, last, last, 1) for last in (0, 0.01, 0.1, 1, 5)]
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(1.253)
    assert quiet_time(0, 7.9, 7.9, 1) == pytest.approx(1.978)
    assert quiet_time(0, 7.9, 7.9, 10**9) == 2.0


def test_a_file_that_never_rests_is_waited_for_ten_seconds() -> None:
    assert quiet_time(0, 9.9, 9.9, 1000) == pytest.approx(0.1)
    assert quiet_time(0, 10.0, 10.0, 1000) == 0
    assert quiet_time(0, 500.0, 500.0, 1000) == 0


@given(first=_SECONDS, gaps=st.lists(st.floats(0, 1), max_size=200), count=st.integers(1, 10**6))
def test_waiting_ends(first: float, gaps: list[float], count: int) -> None:
    last = first
    for gap in gaps:
        last += gap
        wait = quiet_time(first, last, last, count)
        assert 0 <= wait <= 2 + 1e-6
        assert last + wait <= max(first + 10, last) + 1e-6


def test_a_burst_counts_all_paths_and_remembers_a_hundred() -> None:
    burst = joined(None, Hint(1, ("a",)))
    burst = joined(burst, Hint(3, tuple(f"p{number}" for number in range(500))))
    burst = joined(burst, Hint(2, ("a",), Reason.RESTARTED))
    assert (burst.first_seen, burst.last_seen, burst.count) == (1, 3, 502)
    assert burst.paths == ("a", *(f"p{number}" for number in range(99)))
    assert burst.reason is Reason.RESTARTED


@pytest.mark.parametrize(
    ("scan", "polling", "interval"),
    [
        (0.001, False, 2.0),
        (0.011, False, 0.011 / 0.003),
        (0.137, False, 0.137 / 0.003),
        (10.0, False, 60.0),
        (0.001, True, 0.25),
        (0.137, True, 1.37),
        (100.0, True, 15.0),
    ],
)
def test_the_backstop_costs_next_to_nothing(scan: float, polling: bool, interval: float) -> None:
    assert backstop_interval(scan, polling=polling) == pytest.approx(interval)


def test_watching_is_restarted_at_once_and_then_ever_later() -> None:
    delays = [restart_delay(failures) for failures in range(1, 100)]
    assert delays[:4] == [0, 0.05, 0.1, 0.2]
    assert delays == sorted(delays)
    assert delays[-1] == 5


def _inbox() -> Inbox:
    return Inbox("/p", frozenset({"/p", "/p/.dockerignore", "/else/.env"}), lambda path: "log" in path)


def test_nothing_came_nothing_is_due() -> None:
    inbox = _inbox()
    assert inbox.due_in(0) == math.inf
    assert inbox.take(0) is None


def test_paths_are_told_relative_to_the_context() -> None:
    inbox = _inbox()
    inbox.events(1.0, ["/p/b/c", "/p/a", "/else/.env", "/p"])
    burst = inbox.take(1.1)
    assert burst is not None
    assert burst.paths == ("/else/.env", "/p", "a", "b/c")
    assert inbox.take(1.2) is None


def test_what_others_do_in_a_shared_directory_is_nothing() -> None:
    inbox = _inbox()
    others = ["/else/other", "/px", "/"]
    inbox.events(1.0, others)
    assert inbox.due_in(1.0) == math.inf
    assert [inbox.concerns(path) for path in (*others, "/p", "/p/a")] == [False, False, False, True, True]


def test_an_ignored_path_leads_to_a_look_once_a_second() -> None:
    inbox = _inbox()
    inbox.events(10.0, ["/p/log"])
    assert inbox.due_in(10.0) == pytest.approx(0.003)
    assert inbox.take(10.01) is not None
    inbox.events(10.02, ["/p/log"])
    assert inbox.due_in(10.02) == pytest.approx(0.99)


def test_a_log_that_is_written_all_the_time_delays_no_save() -> None:
    inbox = _inbox()
    inbox.take(9.0)
    for tick in range(400):
        inbox.events(10 + tick / 100, ["/p/log"])
    inbox.events(14.0, ["/p/main.py"])
    inbox.events(14.001, ["/p/log"])
    assert inbox.due_in(14.001) == pytest.approx(0.002)
    burst = inbox.take(14.01)
    assert burst is not None
    assert burst.paths == ("main.py",)
    assert inbox.due_in(14.01) == math.inf


@pytest.mark.parametrize(
    "paths",
    [
        ["/p/log", "/p/main.py"],
        ["/p/.dockerignore"],
        ["/else/.env"],
        ["/p"],
        [f"/p/log{number}" for number in range(201)],
    ],
)
def test_what_matters_is_not_put_off(paths: list[str]) -> None:
    inbox = _inbox()
    inbox.take(10.0)
    inbox.events(10.0, paths)
    assert inbox.due_in(10.0) < 0.25


def test_a_checkout_that_stands_still_for_a_moment_is_not_over() -> None:
    assert quiet_time(0, 0.15, 0.15, 400) > 0.3
    assert quiet_time(0, 0.15, 0.15, 10_000) < 0.4
    assert quiet_time(0, 0.01, 0.01, 4) < 0.01
