"""The journal of events: what it survives."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.events import (
    AppLog,
    BuildLog,
    BuildStarted,
    Event,
    ReleaseServed,
    ReleaseStarted,
    TimingsInfo,
    to_json,
)
from devbox.report import journal as journals
from devbox.report import journal_files
from devbox.report.journal import Journal
from devbox.report.journal_files import ALL, EVENTS
from devbox.report.journal_reader import build_output, read_journal, read_lines, unserved
from tests.unit.report.sessions import stamped

# Mounting is for root, be it root of a namespace of one's own.
_ROOT = () if os.geteuid() == 0 else ("--map-root-user",)


def _builds(folder: Path) -> list[int]:
    return [event.build for event in read_journal(folder) if isinstance(event, BuildStarted)]


def _started(build: int) -> BuildStarted:
    return BuildStarted(seq=build, build=build, cause="first build")


def _served(seq: int, revision: int) -> ReleaseServed:
    return ReleaseServed(
        seq=seq, revision=revision, image="i", strategy="warm", url="", timings=TimingsInfo()
    )


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 2,000 bytes at most."""
    small = {file.name: replace(file, most=2000) for file in ALL}
    monkeypatch.setattr(journals, "ALL", tuple(small.values()))
    monkeypatch.setattr(journals, "file_of", lambda kind: small[journal_files.file_of(kind).name])


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_lines_are_those_of_jsonl_and_are_the_users_alone(tmp_path: Path, told: list[str]) -> None:
    folder = tmp_path / "state" / "project"
    journal = Journal(folder, told.append)
    output = AppLog(seq=2, revision=1, stream="stdout", line="hello")
    released = ReleaseStarted(seq=3, revision=1, strategy="rolling")
    for event in (_started(1), output, released):
        journal(event)
    session, *lines = (folder / "journal.jsonl").read_text().splitlines()
    assert session.startswith('{"v":1,"session":')
    assert lines == [to_json(_started(1)), to_json(released)]
    assert (folder / "app-log.jsonl").read_text().splitlines() == [session, to_json(output)]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600, 0o600]
    assert told == []
    journal.close()


def test_what_was_built_and_never_served_is_known(tmp_path: Path, told: list[str]) -> None:
    first = Journal(tmp_path, told.append)
    for event in (_started(1), _served(2, 1), _started(3), _started(4)):
        first(event)
    first.close()
    assert unserved(tmp_path) == {3, 4}
    # As it is where the engine lost its images: the numbers begin anew.
    second = Journal(tmp_path, told.append)
    for event in (_started(1), _served(2, 4)):
        second(event)
    second.close()
    assert unserved(tmp_path) == {1, 3}
    assert unserved(tmp_path / "nowhere") == frozenset()


def test_output_pushes_no_build_out_and_is_read_back_in_its_place(
    tmp_path: Path, told: list[str], small_files: None
) -> None:
    journal = Journal(tmp_path, told.append)
    events: list[Event] = []
    for build in (1, 2):
        events += [_started(build), BuildLog(build=build, step="RUN x", line=f"of {build}")]
        events += [AppLog(revision=build, stream="stdout", line=f"line {n}") for n in range(100)]
    for event in stamped(events):
        journal(event)
    journal.close()
    assert _builds(tmp_path) == [1, 2]
    told_again = list(read_journal(tmp_path, output=True))
    assert [event.seq for event in told_again] == sorted(event.seq for event in told_again)
    assert [event.line for event in told_again if isinstance(event, BuildLog)] == ["of 1", "of 2"]
    assert isinstance(told_again[-1], AppLog)
    assert told_again[-1].line == "line 99"


def test_an_endless_line_is_cut(tmp_path: Path, told: list[str]) -> None:
    journal = Journal(tmp_path, told.append)
    journal(AppLog(seq=1, revision=1, stream="stdout", line="x" * 10_000_000))
    journal.close()
    (event,) = read_journal(tmp_path, output=True)
    assert isinstance(event, AppLog)
    assert event.line == "x" * 16384 + "…"


def test_what_a_build_wrote_is_that_of_the_newest_with_its_number(tmp_path: Path, told: list[str]) -> None:
    def wrote(seq: int, line: str, **changed: object) -> BuildLog:
        return BuildLog(seq=seq, build=7, step="RUN x", line=line).model_copy(update=changed)

    sessions: tuple[list[Event], ...] = (
        [_at(1, 7), wrote(2, "old")],
        [_at(1, 7), wrote(2, "new"), wrote(3, "other", build=8), wrote(4, "newer"), _at(5, 9)],
        [_at(1, 9)],
    )
    for events in sessions:
        journal = Journal(tmp_path, told.append)
        for event in events:
            journal(event)
        journal.close()
    assert [event.line for event in build_output(tmp_path, 7).lines] == ["new", "newer"]
    assert build_output(tmp_path, 9) == ([], True, True)
    assert build_output(tmp_path, 10) == ([], False, True)
    journal = Journal(tmp_path, told.append)
    journal(_at(1, 7))
    journal(wrote(2, "12 MB of 40 MB", stream="progress"))
    journal.close()
    assert build_output(tmp_path, 7) == ([], True, True)


def test_of_what_a_build_wrote_it_is_known_whether_all_is_kept(
    tmp_path: Path, told: list[str], small_files: None
) -> None:
    journal = Journal(tmp_path, told.append)
    events: list[Event] = []
    for build, wrote in ((1, 1), (2, 60), (3, 1), (4, 0)):
        events.append(_started(build))
        events += [BuildLog(build=build, step="RUN x", line=f"line {number}") for number in range(wrote)]
    for event in stamped(events):
        journal(event)
    journal.close()
    one, two, three, four = (build_output(tmp_path, build) for build in (1, 2, 3, 4))
    assert (one.lines, one.known, one.whole) == ([], True, False)
    assert (0 < len(two.lines) < 60, two.whole) == (True, False)
    assert ([event.line for event in three.lines], three.whole) == (["line 0"], True)
    assert four == ([], True, True)


def _at(seq: int, build: int) -> BuildStarted:
    return BuildStarted(seq=seq, build=build, cause="first build")


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
    tmp_path: Path, told: list[str], small_files: None
) -> None:
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
    clock = _Clock()
    journal = Journal(tmp_path / "state" / "project", told.append, clock)
    for build in range(3):
        clock.now += 1.5
        journal(_started(build))
    assert len(told) == 1
    assert str(tmp_path / "state" / "project" / "journal.jsonl") in told[0]
    (tmp_path / "state").unlink()
    clock.now += 0.5
    journal(_started(4))
    clock.now += 0.6
    journal(_started(5))
    journal.close()
    assert _builds(tmp_path / "state" / "project") == [5]


def test_a_cleared_folder_is_made_again_at_the_next_line(tmp_path: Path, told: list[str]) -> None:
    folder = tmp_path / "project"
    journal = Journal(folder, told.append)
    for cleared in ("first", "again"):
        journal(_started(1))
        shutil.rmtree(folder)
        journal(_started(2))
        journal(_started(3))
        assert (cleared, _builds(folder)) == (cleared, [2, 3])
    journal.close()
    assert told == []


_STRANDED = """
import os, subprocess, sys
from pathlib import Path
from devbox.events import AppLog, BuildStarted
from devbox.report.journal import Journal
from devbox.report.journal_reader import read_journal

def mount(*options):
    subprocess.run(["mount", *options, folder], check=True)

folder = sys.argv[1]
mount("-t", "tmpfs", "-o", "size=64k", "none")
told, now = [], [0.0]
journal = Journal(Path(folder) / "state", told.append, lambda: now[0])
for build in range(1, 1001):
    now[0] += 2
    journal(BuildStarted(seq=2 * build, build=build, cause="x"))
    journal(AppLog(seq=2 * build + 1, revision=1, stream="stdout", line="y" * 100))
assert len(told) == 1 and told[0].count("No space left on device") == 1, told
(Path(folder) / "state" / "app-log.jsonl").unlink()
now[0] += 2
journal(BuildStarted(seq=3001, build=1001, cause="there is room"))
builds = [event.build for event in read_journal(Path(folder) / "state")]
assert builds[:100] == list(range(1, 101)) and builds[-1] == 1001, builds
journal.close()
mount("-o", "remount,ro")
journal(BuildStarted(seq=3002, build=1002, cause="read-only"))
mount("-o", "remount,rw")
now[0] += 2
journal(BuildStarted(seq=3003, build=1003, cause="writable"))
assert [event.build for event in read_journal(Path(folder) / "state")][-2:] == [1001, 1003]
told.clear()
journal.close()
mount("-o", "remount,ro")
Journal(Path(folder) / "state", told.append)(BuildStarted(seq=1, build=1, cause="x"))
assert len(told) == 1 and "Read-only file system" in told[0], told
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a disk of one's own is to be had on Linux")
def test_a_full_disk_and_a_read_only_one_are_told_once_and_written_to_when_they_can_be(
    tmp_path: Path,
) -> None:
    command = ["unshare", *_ROOT, "--mount", "--", sys.executable, "-c", _STRANDED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


_BOUND_BY_THE_SYSTEM = """
import resource, sys
from pathlib import Path
from devbox.events import BuildStarted
from devbox.report.journal import Journal

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
told, now = [], [0.0]
journal = Journal(Path(sys.argv[1]), told.append, lambda: now[0])
for build in range(1, 41):
    now[0] += 2
    journal(BuildStarted(seq=build, build=build, cause="x"))
assert len(told) == 1, told
"""


def test_a_write_that_is_cut_short_costs_that_line_only(tmp_path: Path, told: list[str]) -> None:
    command = [sys.executable, "-c", _BOUND_BY_THE_SYSTEM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "journal.jsonl").read_bytes().endswith(b"\n")
    journal = Journal(tmp_path, told.append)
    journal(_at(1, 50))
    journal.close()
    kept = _builds(tmp_path)
    assert kept[:-1] == list(range(1, len(kept)))
    assert kept[-1] == 50
    assert told == []


_EVENT = st.one_of(
    st.builds(_started, st.integers(1, 9)),
    st.builds(BuildLog, build=st.integers(1, 3), step=st.just("RUN x"), line=st.text(max_size=60)),
    st.builds(AppLog, revision=st.integers(1, 3), stream=st.just("stdout"), line=st.text(max_size=300)),
)
_TORN = st.integers(2, 40)
_SESSIONS = st.lists(st.tuples(st.lists(_EVENT, max_size=40), st.none() | _TORN), max_size=6)


@given(sessions=_SESSIONS)
def test_no_event_is_read_twice_none_out_of_order_and_none_lost_but_the_oldest(
    sessions: list[tuple[list[Event], int | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    small = {file.name: replace(file, most=3000) for file in ALL}
    written: list[list[Event]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journals, "ALL", tuple(small.values()))
        patch.setattr(journals, "file_of", lambda kind: small[journal_files.file_of(kind).name])
        for events, torn in sessions:
            journal = Journal(folder, lambda problem: pytest.fail(problem))
            numbered = [event.model_copy(update={"seq": n}) for n, event in enumerate(events, 1)]
            for event in numbered:
                journal(event)
            journal.close()
            written.append(numbered)
            if torn and numbered:
                # The writer was killed in the midst of its last line.
                path = folder / journal_files.file_of(numbered[-1].kind).name
                os.truncate(path, path.stat().st_size - torn)
                numbered.pop()
    assert all(path.stat().st_size <= 3000 for path in folder.iterdir())
    read = list(read_journal(folder, output=True))
    for file in ALL:
        expected = [each for events in written for each in events if journal_files.file_of(each.kind) == file]
        found = [event for event in read if journal_files.file_of(event.kind) == file]
        # A torn end may take a line with it that was whole but for its line end, or leave one that was.
        assert found == expected[len(expected) - len(found) :]
        rotated = file.older(folder).exists()
        assert len(found) == len(expected) or rotated
    order = [(line.session, line.seq) for line in read_lines(folder, *ALL)]
    assert order == sorted(set(order))


def test_readers_beside_a_writer_that_rotates_miss_nothing_in_between(
    tmp_path: Path, told: list[str], small_files: None
) -> None:
    over = threading.Event()
    problems: list[str] = []

    def read() -> None:
        while not over.is_set():
            seen = [line.seq for line in read_lines(tmp_path, EVENTS)]
            if seen != list(range(seen[0], seen[-1] + 1)) if seen else False:
                problems.append(f"{seen[:3]} to {seen[-3:]}")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    journal = Journal(tmp_path, told.append)
    for build in range(1, 20_001):
        journal(_started(build))
    over.set()
    for reader in readers:
        reader.join(20)
    journal.close()
    assert problems == []


def test_a_journal_of_a_devbox_that_named_no_sessions_is_read_in_its_order(tmp_path: Path) -> None:
    lines = [to_json(_at(seq, build)) for seq, build in ((4, 1), (9, 2), (4, 3), (5, 4), (5, 5))]
    (tmp_path / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))
    assert _builds(tmp_path) == [1, 2, 3, 4, 5]


def test_sessions_stay_in_order_where_the_clock_was_set_back(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, now in enumerate((2_000_000_000_000_000_000, 5, 7), 1):
        monkeypatch.setattr("time.time_ns", lambda now=now: now)
        journal = Journal(tmp_path, told.append)
        journal(BuildLog(seq=2, build=number, step="RUN x", line="x"))
        journal(_at(1, number))
        journal.close()
    sessions = [line.session[0] for line in read_lines(tmp_path, *ALL)]
    assert sessions == sorted(sessions)
    assert len(set(sessions)) == 3
