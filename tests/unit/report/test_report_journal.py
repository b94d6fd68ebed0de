"""The journal of events: what it survives."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from devbox.events import AppLog, BuildLog, BuildStarted, ReleaseStarted, to_json
from devbox.report import journal as journals
from devbox.report.journal import Journal, read_journal


def _builds(folder: Path) -> list[int]:
    return [event.build for event in read_journal(folder) if isinstance(event, BuildStarted)]


def _started(build: int) -> BuildStarted:
    return BuildStarted(seq=build, build=build, cause="first build")


@pytest.fixture
def told() -> list[str]:
    return []


def test_the_lines_are_those_of_jsonl_and_are_the_users_alone(tmp_path: Path, told: list[str]) -> None:
    folder = tmp_path / "state" / "project"
    journal = Journal(folder, told.append)
    journal(_started(1))
    journal(ReleaseStarted(revision=1, strategy="rolling"))
    expected = [to_json(_started(1)), to_json(ReleaseStarted(revision=1, strategy="rolling"))]
    assert (folder / "journal.jsonl").read_text().splitlines() == expected
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "journal.jsonl").stat().st_mode) == 0o600
    assert told == []
    journal.close()


def test_what_programs_print_is_left_out(tmp_path: Path, told: list[str]) -> None:
    journal = Journal(tmp_path, told.append)
    journal(AppLog(revision=1, stream="stdout", line="secret"))
    journal(BuildLog(build=1, step="RUN x", line="secret"))
    journal.close()
    assert list(read_journal(tmp_path)) == []


def test_a_torn_last_line_costs_that_line_only(tmp_path: Path, told: list[str]) -> None:
    journal = Journal(tmp_path, told.append)
    journal(_started(1))
    journal.close()
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write(to_json(_started(2))[:30])
    assert _builds(tmp_path) == [1]
    journal = Journal(tmp_path, told.append)
    journal(_started(3))
    journal.close()
    assert _builds(tmp_path) == [1, 3]


def test_lines_of_another_version_are_passed_over(tmp_path: Path) -> None:
    lines = ['{"v":2,"kind":"build.began"}', "no json", "", '"text"', to_json(_started(4))]
    (tmp_path / "journal.jsonl").write_text("\n".join(lines))
    assert _builds(tmp_path) == [4]


def test_the_size_is_bounded_and_the_newest_events_stay(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_MOST", 2000)
    journal = Journal(tmp_path, told.append)
    for build in range(1, 101):
        journal(_started(build))
    journal.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000
    kept = _builds(tmp_path)
    assert kept == list(range(kept[0], 101))
    assert len(kept) > 15


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "state").write_text("a file")
    journal = Journal(tmp_path / "state" / "project", told.append)
    for build in range(3):
        journal(_started(build))
    assert len(told) == 1
    assert str(tmp_path / "state" / "project" / "journal.jsonl") in told[0]
    (tmp_path / "state").unlink()
    journal(_started(4))
    journal.close()
    assert _builds(tmp_path / "state" / "project") == [4]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_told_once(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open
    full = monkeypatch.context()
    with full as patch:
        patch.setattr(os, "open", lambda *_: opened("/dev/full", os.O_RDWR))
        journal = Journal(tmp_path, told.append)
        for build in range(3):
            journal(_started(build))
    assert told == [
        f"{tmp_path}/journal.jsonl cannot be written: No space left on device; explain may miss builds"
    ]
    journal(_started(4))
    journal.close()
    assert _builds(tmp_path) == [4]
