"""Known projects and revisions, out of journals as they are written."""

from __future__ import annotations

import os
from pathlib import Path

from devbox.events import BuildStarted, Event, ReleaseServed, SessionStarted, TimingsInfo
from devbox.report.glance import KnownProject, KnownRevision, known_projects, served_revisions
from devbox.report.journal import Journal


def begun(name: str, root: str) -> SessionStarted:
    return SessionStarted(project=name, root=root, urls=(), engine="Docker", version="1")


def served(number: int, at: float) -> ReleaseServed:
    return ReleaseServed(
        revision=number, image="i", strategy="warm", url="http://x", timings=TimingsInfo(), at=at
    )


def write(folder: Path, *events: Event) -> None:
    journal = Journal(folder, lambda problem: None)
    for event in events:
        journal(event)
    journal.close()


def test_projects_are_those_of_the_last_session_the_latest_first(tmp_path: Path) -> None:
    assert known_projects(tmp_path / "none") == []
    write(tmp_path / "a", begun("shop", "/shop"), begun("store", "/shop"), served(1, 1.0))
    write(tmp_path / "b", begun("blog", "/blog"))
    write(tmp_path / "c", served(1, 1.0))
    (tmp_path / "file").write_text("")
    os.utime(tmp_path / "a/journal.jsonl", (1, 1))
    assert known_projects(tmp_path) == [KnownProject("blog", "/blog"), KnownProject("store", "/shop")]


def test_revisions_are_told_once_each_the_latest_first(tmp_path: Path) -> None:
    assert served_revisions(tmp_path) == []
    events: list[Event] = [
        served(1, 10.0),
        served(2, 20.0),
        BuildStarted(build=3, cause='"kind":"release.served"'),
    ]
    write(tmp_path, *events, served(1, 30.0))
    assert served_revisions(tmp_path) == [KnownRevision(1, 30.0, "warm"), KnownRevision(2, 20.0, "warm")]


def test_the_older_file_counts_and_torn_lines_do_not(tmp_path: Path) -> None:
    write(tmp_path, served(1, 10.0))
    (tmp_path / "journal.jsonl").rename(tmp_path / "journal.jsonl.1")
    write(tmp_path, served(2, 20.0))
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"v":1,"kind":"release.served","revision":3')
    assert [item.number for item in served_revisions(tmp_path)] == [2, 1]
