from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from bench.bars import bars, slow_builder
from bench.chart import as_svg
from bench.figures import Summary
from bench.idle import Idle
from bench.machine import Machine
from bench.pace import Pace
from bench.table import Results, Row, as_json, as_text

MACHINE = Machine(cores=2, kernel="Linux 6.1", python="3.13.5", engine="Docker Engine 28.5.1 (overlay2)")


def summary(median: float, split: dict[str, float] | None = None) -> Summary:
    return Summary(median, median + 0.1, 12_345, 0, 3, 0.011, split or {}, (median,))


ROWS = (
    Row("sample/", "warm", "devbox", "devbox 1.0, warm", summary(0.1, {"build": 0.09, "boot": 0.05})),
    Row("sample/", "uvicorn", "uvicorn --reload", "uvicorn 0.54.0 with StatReload", summary(0.8)),
    Row("sample/", "compose", "docker compose watch", "docker compose is not installed", None),
    Row("trees", "tree-10", "devbox", "devbox 1.0, warm", summary(0.2)),
)
PACE = Pace(20, 19, 18, {"no standby": 1}, 200.0, 4_000, 0, 1, 0.05, 0.2, 0.3)
IDLE = Idle(60.0, 0.004, 61.0)


def results(rows: tuple[Row, ...] = ROWS, pace: Pace | None = None, idle: Idle | None = None) -> Results:
    summaries = {row.name: row.summary for row in rows if row.summary is not None}
    return Results(rows, 10, MACHINE, pace, pace, idle, bars(summaries, pace, pace, idle, MACHINE))


def test_the_table_is_aligned_and_compares_with_reload_of_the_same_group() -> None:
    lines = as_text(results()).splitlines()
    assert lines[:6] == [
        "save → served        median      p95  vs --reload  failed: new   kept alive  longest gap",
        "sample/",
        "  devbox            0.100 s  0.200 s       0.12 ×            0  3 of 12,345      0.011 s",
        "  uvicorn --reload  0.800 s  0.900 s       1.00 ×            0  3 of 12,345      0.011 s",
        "trees",
        "  devbox            0.200 s  0.300 s                         0  3 of 12,345      0.011 s",
    ]


def test_the_text_names_versions_parts_machine_and_who_is_missing() -> None:
    text = as_text(results())
    assert "uvicorn --reload: uvicorn 0.54.0 with StatReload" in text
    assert "docker compose watch: docker compose is not installed" in text
    assert "warm, medians of the parts in seconds: build 0.090 · boot 0.050" in text
    assert "2 cores, Linux 6.1, Python 3.13.5, Docker Engine 28.5.1 (overlay2)" in text


def test_bars_are_those_of_the_figures_that_were_measured() -> None:
    assert [bar.figure for bar in results().bars] == ["warm ÷ uvicorn --reload"]
    assert [bar.holds for bar in results(pace=PACE, idle=IDLE).bars] == [True, False, False, True, True, True]
    assert bars({}, None, None, None, MACHINE) == ()


def test_a_bar_says_what_was_measured_and_whether_it_holds() -> None:
    lines = as_text(results(pace=PACE)).splitlines()
    (share,) = (line for line in lines if "were served warm" in line)
    assert share.split()[-4:] == ["0.9", "≥", "0.95", "missed"]
    assert "  not warm, 1 ×: no standby" in lines


@pytest.mark.parametrize(
    ("engine", "slow"),
    [
        ("Docker Engine 28.5.1 (overlay2)", False),
        ("Docker Engine 28.5.1 (containerd)", True),
        ("Docker Engine 20.10.24+dfsg1 (overlay2)", True),
        ("", False),
    ],
)
def test_the_easier_bars_are_for_builders_that_are_slow_by_themselves(engine: str, slow: bool) -> None:
    assert slow_builder(engine) is slow


def test_without_reload_in_the_run_nothing_is_compared() -> None:
    alone = results(ROWS[:1])
    assert "×" not in as_text(alone).splitlines()[2]
    assert as_json(alone)["rows"][0]["ratio"] is None


def test_the_json_holds_the_same_figures() -> None:
    result = json.loads(json.dumps(as_json(results(pace=PACE, idle=IDLE))))
    devbox, _, compose, _ = result["rows"]
    assert result["machine"]["engine"] == MACHINE.engine
    assert (result["edits"], result["pace"]["share"], result["idle"]["megabytes"]) == (10, 0.9, 61.0)
    assert devbox["ratio"] == pytest.approx(0.125)
    assert devbox["summary"]["split"]["build"] == 0.09
    assert (compose["summary"], compose["ratio"]) == (None, None)
    assert [bar["holds"] for bar in result["bars"]][:2] == [True, False]


def test_the_chart_has_a_bar_for_everyone_who_was_measured() -> None:
    root = ET.fromstring(as_svg(results()))
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    widths = [
        float(element.attrib["width"]) for element in root.iter() if element.attrib.get("class") == "devbox"
    ]
    assert texts[:3] == ["sample/", "devbox", "0.10 s"]
    assert "docker compose watch" not in texts
    assert "devbox, 10 files" in texts
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
