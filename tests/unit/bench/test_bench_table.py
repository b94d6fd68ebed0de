from __future__ import annotations

import json

import pytest

from bench.figures import Summary
from bench.machine import Machine
from bench.table import Row, as_json, as_text

MACHINE = Machine(cores=2, kernel="Linux 6.1", python="3.13.5", engine="Docker Engine 28.5.1")


def summary(median: float, split: dict[str, float] | None = None) -> Summary:
    return Summary(median, median + 0.1, 12_345, 0, 0.011, split or {}, (median,))


ROWS = (
    Row("devbox", "devbox", "devbox 1.0, rolling", summary(0.2, {"build": 0.09, "boot": 0.05})),
    Row("uvicorn", "uvicorn --reload", "uvicorn 0.54.0 with StatReload", summary(0.8)),
    Row("compose", "docker compose watch", "docker compose is not installed", None),
)


def test_the_table_is_aligned_and_compares_with_reload() -> None:
    lines = as_text(ROWS, MACHINE, 10).splitlines()
    assert lines[:3] == [
        "save → served      median      p95  vs --reload  failed requests  longest gap",
        "devbox            0.200 s  0.300 s       0.25 ×      0 of 12,345      0.011 s",
        "uvicorn --reload  0.800 s  0.900 s       1.00 ×      0 of 12,345      0.011 s",
    ]


def test_the_text_names_versions_parts_machine_and_who_is_missing() -> None:
    text = as_text(ROWS, MACHINE, 10)
    assert "uvicorn --reload: uvicorn 0.54.0 with StatReload" in text
    assert "docker compose watch: docker compose is not installed" in text
    assert "devbox, medians of the parts in seconds: build 0.090 · boot 0.050" in text
    assert "2 cores, Linux 6.1, Python 3.13.5, Docker Engine 28.5.1" in text


def test_without_reload_in_the_run_nothing_is_compared() -> None:
    lines = as_text(ROWS[:1], MACHINE, 10).splitlines()
    assert "×" not in lines[1]
    assert as_json(ROWS[:1], MACHINE, 10)["rows"][0]["ratio"] is None


def test_the_json_holds_the_same_figures() -> None:
    result = json.loads(json.dumps(as_json(ROWS, MACHINE, 10)))
    devbox, _, compose = result["rows"]
    assert result["machine"]["engine"] == "Docker Engine 28.5.1"
    assert result["edits"] == 10
    assert devbox["ratio"] == pytest.approx(0.25)
    assert devbox["summary"]["split"]["build"] == 0.09
    assert (compose["summary"], compose["ratio"]) == (None, None)
