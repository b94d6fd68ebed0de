from __future__ import annotations

from rich.text import Text

from devbox.events import AppLog
from devbox.report.backlog import Backlog, Entry


def line(number: int) -> AppLog:
    return AppLog(revision=1, stream="stdout", line=f"line {number}")


def words(entries: list[Entry]) -> list[str]:
    return [entry.plain if isinstance(entry, Text) else entry.line for entry in entries]


def test_what_comes_at_once_is_shown_whole_and_in_order() -> None:
    backlog = Backlog()
    for number in range(5000):
        backlog.add(line(number))
    assert words(backlog.take(0.0)) == [f"line {number}" for number in range(5000)]
    assert backlog.take(1.0) == []


def test_of_a_flood_the_newest_lines_are_shown_and_the_others_counted() -> None:
    backlog = Backlog()
    backlog.add(Text("a record"))
    for number in range(30_000):
        backlog.add(line(number))
    shown = words(backlog.take(0.0))
    assert shown[0].split("  ")[1:] == ["· 25,000 lines left out", "devbox logs shows them"]
    assert shown[1] == "a record"
    assert shown[2:] == [f"line {number}" for number in range(25_000, 30_000)]
    # without a pause a few a time, so that the screen is never without news
    for number in range(1000):
        backlog.add(line(number))
    assert words(backlog.take(0.0))[1:] == [f"line {number}" for number in range(900, 1000)]


def test_a_pause_gives_room_again() -> None:
    backlog = Backlog()
    for number in range(6000):
        backlog.add(line(number))
    backlog.take(0.0)
    for number in range(1500):
        backlog.add(line(number))
    assert len(backlog.take(1.5)) == 1500


def test_held_lines_come_back_the_last_of_them() -> None:
    backlog = Backlog()
    for number in range(800):
        backlog.hold(line(number))
    assert backlog.take(0.0) == []
    backlog.let_go()
    shown = words(backlog.take(0.1))
    assert "300 lines left out" in shown[0]
    assert shown[1:] == [f"line {number}" for number in range(300, 800)]
    backlog.let_go()
    assert backlog.take(0.2) == []
