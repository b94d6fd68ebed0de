from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Edit, Request, longest_gap, percentile, summarize

seconds = st.floats(min_value=0, max_value=1e6)
answered = st.tuples(seconds, seconds, st.booleans()).map(
    lambda drawn: Request(min(drawn[:2]), max(drawn[:2]), "answer" if drawn[2] else None)
)


def good(sent: float, ended: float) -> Request:
    return Request(sent, ended, "answer")


def failed(sent: float, ended: float) -> Request:
    return Request(sent, ended, None)


def test_p95_is_the_nearest_rank() -> None:
    assert percentile([float(value) for value in range(1, 101)], 95) == 95
    assert percentile([3.0, 1.0, 2.0], 95) == 3.0
    assert percentile([7.0], 95) == 7.0


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert percentile([1.0, 2.0, 4.0, 9.0], 50) == 3.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 95)


@given(st.lists(seconds, min_size=1), st.integers(51, 100))
def test_enough_values_do_not_exceed_a_percentile(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)


def test_a_gap_ends_with_the_next_good_answer() -> None:
    requests = [good(0.0, 0.1), failed(0.1, 0.2), failed(0.2, 0.9), good(0.3, 1.5), good(1.4, 1.6)]
    assert longest_gap(requests) == pytest.approx(1.4)


def test_a_gap_may_be_at_either_end() -> None:
    assert longest_gap([failed(0.0, 0.1), good(0.8, 0.9)]) == pytest.approx(0.9)
    assert longest_gap([good(0.0, 0.1), failed(0.2, 0.9)]) == pytest.approx(0.8)


def test_without_a_good_answer_all_of_it_is_one_gap() -> None:
    assert longest_gap([failed(1.0, 2.0), failed(1.5, 4.0)]) == 3.0
    assert longest_gap([]) == 0.0


@given(st.lists(answered, min_size=1))
def test_a_gap_is_no_longer_than_the_time_looked_at(requests: list[Request]) -> None:
    span = max(request.ended for request in requests) - min(request.sent for request in requests)
    assert 0.0 <= longest_gap(requests) <= span


@given(st.lists(answered, min_size=1), answered)
def test_another_failure_within_that_time_changes_no_gap(requests: list[Request], one: Request) -> None:
    first = min(request.sent for request in requests)
    last = max(request.ended for request in requests)
    inside = failed(min(max(one.sent, first), last), min(max(one.ended, first), last))
    assert longest_gap([*requests, inside]) == longest_gap(requests)


def test_a_summary_takes_all_edits_together() -> None:
    edits = [
        Edit(10.0, 10.2, [good(9.9, 10.0), good(10.0, 10.2)], {"build": 0.1, "boot": 0.4}),
        Edit(
            20.0, 20.4, [good(19.9, 20.0), failed(20.0, 20.3), good(20.3, 20.4)], {"build": 0.3, "boot": 0.2}
        ),
    ]
    summary = summarize(edits)
    assert summary.all == pytest.approx((0.2, 0.4))
    assert summary.median == pytest.approx(0.3)
    assert summary.p95 == pytest.approx(0.4)
    assert (summary.requests, summary.failed_new, summary.failed_kept) == (5, 1, 0)
    assert summary.longest_gap == pytest.approx(0.4)
    assert summary.split == pytest.approx({"build": 0.2, "boot": 0.3})


def test_nothing_measured_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no values"):
        summarize([])
