from __future__ import annotations

import pytest

from devbox.doctor.finding import Diagnosis, Finding, Skipped, State, failure, ok, skipped, warning
from devbox.doctor.words import number, size, some, span


@pytest.mark.parametrize(
    ("findings", "worst", "code"),
    [
        ([], State.OK, 0),
        ([ok("a", "x"), warning("b", "x", "y")], State.WARNING, 0),
        ([warning("engine", "x", "y")], State.WARNING, 0),
        ([failure("ports", "x", "y"), ok("a", "x")], State.FAILURE, 1),
        ([failure("ports", "x", "y"), failure("engine", "x", "y")], State.FAILURE, 3),
        ([failure("engine", "x", "y"), failure("settings", "x", "y")], State.FAILURE, 2),
    ],
)
def test_the_worst_and_the_exit_code(findings: list[Finding], worst: State, code: int) -> None:
    found = Diagnosis("shop", tuple(findings))
    assert (found.worst, found.exit_code) == (worst, code)


def test_what_could_not_be_asked_is_one_line_a_reason() -> None:
    found = skipped((Skipped("a", "no engine"), Skipped("b", "no Dockerfile"), Skipped("c", "no engine")))
    assert [finding.text for finding in found] == ["a, c: no engine", "b: no Dockerfile"]
    assert skipped(()) == ()


def test_words() -> None:
    assert [size(count) for count in (0, 999, 1000, 9949, 12_345, 999_600, 5_000_000_000)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "9.9 kB",
        "12 kB",
        "1.0 MB",
        "5.0 GB",
    ]
    assert [span(seconds) for seconds in (3, 130, 7200, 200_000)] == [
        "3 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]
    assert number(1, "file") == "1 file"
    assert some(["a", "b", "c", "d"]) == "a, b, c and 1 more"
