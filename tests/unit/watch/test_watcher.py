"""The watcher on real directories: after every kind of change, looks lead to the truth on disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from pathlib import Path

import pytest
from watchfiles._rust_notify import RustNotify

from devbox.errors import ContextError
from devbox.model import Snapshot
from devbox.watch import Degraded, Look, Reason, Scanner, Watcher, guard, hints, pace
from devbox.watch import watcher as watcher_module
from devbox.watch.guard import Guard

_PATIENCE = 20.0
_SOON = 1.5  # less than the two seconds of the backstop


@pytest.fixture(autouse=True)
def _events_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVBOX_POLL", "0")


@pytest.fixture
def frequent_backstop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_BACKSTOP_LEAST", 0.4)
    monkeypatch.setattr(pace, "_BACKSTOP_SHARE", 1.0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "app").mkdir(parents=True)
    (root / "app" / "main.py").write_text("0")
    (root / ".venv" / "lib").mkdir(parents=True)
    (root / ".dockerignore").write_text(".venv\n**/*.log\n")
    return root


@pytest.fixture
async def watcher(project: Path) -> AsyncIterator[Watcher]:
    async with Watcher(project, extra_files=[project.parent / "settings" / "devbox.toml"]) as watching:
        await watching.scan()
        yield watching


async def _until_true(watcher: Watcher, within: float) -> tuple[Snapshot, list[Look | Degraded]]:
    """Scans whenever told to, until a scan shows what is on disk; gives what was told on the way."""
    told: list[Look | Degraded] = []
    async with asyncio.timeout(within), aclosing(watcher.looks()) as looks:
        async for look in looks:
            told.append(look)
            if isinstance(look, Look):
                with suppress(ContextError):
                    snapshot = await watcher.scan()
                    if snapshot == Scanner(watcher.root).scan():
                        return snapshot, told
    raise AssertionError("looks() never ends")


async def _told(
    watcher: Watcher, wanted: Callable[[Look | Degraded], bool], within: float = _PATIENCE
) -> Look:
    async with asyncio.timeout(within), aclosing(watcher.looks()) as looks:
        async for look in looks:
            if isinstance(look, Look) and look.reason is not Reason.EVENT:
                with suppress(ContextError):
                    await watcher.scan()
            if wanted(look):
                assert isinstance(look, Look)
                return look
    raise AssertionError("looks() never ends")


def _concerns(path: str) -> Callable[[Look | Degraded], bool]:
    return lambda look: isinstance(look, Look) and path in look.paths


def _save(root: Path) -> None:
    (root / "app" / "main.py").write_text("1")


def _atomic_save(root: Path) -> None:
    (root / "app" / ".main.py.swp").write_text("2")
    (root / "app" / ".main.py.swp").rename(root / "app" / "main.py")


def _mode(root: Path) -> None:
    (root / "app" / "main.py").chmod(0o755)


def _remove(root: Path) -> None:
    (root / "app" / "main.py").unlink()


def _burst(root: Path) -> None:
    for number in range(2000):
        (root / "app" / f"f{number}.py").write_text(str(number))


def _nested(root: Path) -> None:
    for number in range(200):
        deep = root / f"n{number}" / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "f.py").write_text(str(number))


def _replace_directory(root: Path) -> None:
    shutil.rmtree(root / "app")
    (root / "app").mkdir()
    (root / "app" / "main.py").write_text("again")


def _rename_directory(root: Path) -> None:
    (root / "app").rename(root / "app2")


def _move_in(root: Path) -> None:
    outside = root.parent / "outside" / "a" / "b"
    outside.mkdir(parents=True)
    (outside / "f.py").write_text("moved")
    (root.parent / "outside").rename(root / "inside")


def _link(root: Path) -> None:
    (root.parent / "elsewhere").mkdir()
    (root / "linked").symlink_to(root.parent / "elsewhere")


def _no_utf8(root: Path) -> None:
    (root / "app" / os.fsdecode(b"caf\xe9")).write_text("1")


def _no_utf8_directory(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    (root / os.fsdecode(b"caf\xe9") / "f").write_text("1")


def _rules(root: Path) -> None:
    (root / ".dockerignore").write_text("app\n")


def _replace_root(root: Path) -> None:
    shutil.rmtree(root)
    (root / "app").mkdir(parents=True)
    (root / "app" / "main.py").write_text("another")


def _swap_root(root: Path) -> None:
    shutil.copytree(root, root.parent / "copy")
    (root.parent / "copy" / "app" / "main.py").write_text("copy")
    root.rename(root.parent / "old")
    (root.parent / "copy").rename(root)


_EDITS = [
    _save,
    _atomic_save,
    _mode,
    _remove,
    _burst,
    _nested,
    _replace_directory,
    _rename_directory,
    _move_in,
    _link,
    _no_utf8,
    _no_utf8_directory,
    _rules,
    _replace_root,
    _swap_root,
]


@pytest.mark.parametrize("edit", _EDITS, ids=lambda edit: edit.__name__.strip("_"))
async def test_after_an_edit_a_scan_is_asked_for_that_shows_it_and_so_after_the_next(
    watcher: Watcher, project: Path, edit: Callable[[Path], None], frequent_backstop: None
) -> None:
    await asyncio.to_thread(edit, project)
    await _until_true(watcher, _PATIENCE)

    for path in await asyncio.to_thread(lambda: sorted(project.rglob("*.py"))[:3]):
        path.write_text("after")
        await _until_true(watcher, _PATIENCE)


async def test_a_save_after_a_rest_is_told_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_PACES_MS", ((5, 50), (10, 50), (20, 0)))
    async with Watcher(project) as watcher:
        await watcher.scan()
        await asyncio.sleep(0.2)
        (project / "app" / "main.py").write_text("1")
        await _told(watcher, _concerns("app/main.py"), _SOON)
        (project / "app" / "main.py").write_text("2")
        await _told(watcher, _concerns("app/main.py"), _SOON)


async def test_a_save_is_told_within_a_moment(watcher: Watcher, project: Path) -> None:
    """The best of five, since a busy machine may take its time now and then."""
    delays = []
    for content in range(5):
        before = time.monotonic()
        (project / "app" / "main.py").write_text(f"content {content}")
        look = await _told(watcher, _concerns("app/main.py"))
        delays.append(time.monotonic() - before)
        assert before < look.first_seen <= look.last_seen
        assert look.reason is Reason.EVENT
        await watcher.scan()
    assert min(delays) < 0.08


async def test_a_file_in_a_directory_made_a_moment_ago_is_seen_by_event(
    watcher: Watcher, project: Path
) -> None:
    (project / "new" / "deep").mkdir(parents=True)
    await _until_true(watcher, _PATIENCE)
    (project / "new" / "deep" / "f.py").write_text("1")
    assert (await _told(watcher, _concerns("new/deep/f.py"), _SOON)).reason is Reason.EVENT


async def test_a_directory_removed_and_made_again_is_seen_by_event(watcher: Watcher, project: Path) -> None:
    _replace_directory(project)
    await _until_true(watcher, _PATIENCE)
    await watcher.scan()
    (project / "app" / "main.py").write_text("later")
    await _told(watcher, _concerns("app/main.py"), _SOON)


async def test_a_root_that_was_replaced_is_seen_by_event(watcher: Watcher, project: Path) -> None:
    _replace_root(project)
    await _until_true(watcher, _PATIENCE)
    (project / "app" / "main.py").write_text("later")
    await _told(watcher, _concerns("app/main.py"), _SOON)


async def test_an_ignored_tree_is_not_even_watched(watcher: Watcher, project: Path) -> None:
    for number in range(500):
        (project / ".venv" / "lib" / f"f{number}.py").write_text("x")
    (project / "app" / "main.py").write_text("after")
    look = await _told(watcher, _concerns("app/main.py"))
    assert look.paths == ("app/main.py",)


async def test_an_ignored_file_leads_to_a_look_that_finds_nothing(watcher: Watcher, project: Path) -> None:
    before = await watcher.scan()
    (project / "app" / "x.log").write_text("1")
    await _told(watcher, _concerns("app/x.log"), _SOON)
    assert await watcher.scan() == before


async def test_a_log_that_never_rests_keeps_no_save_waiting(watcher: Watcher, project: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.001):
            (project / "app" / "x.log").write_text("1")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        await asyncio.sleep(0.2)
        (project / "app" / "main.py").write_text("saved")
        await _told(watcher, _concerns("app/main.py"), _SOON)
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(
    "edit", [_save, _atomic_save, _nested, _replace_directory, _replace_root, _swap_root]
)
async def test_watching_recursively_as_on_macos_tells_the_truth_too(
    project: Path, edit: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (hints, guard, watcher_module):
        monkeypatch.setattr(room, "RECURSIVE", True)
    link = project.parent / "link"
    link.symlink_to(project)
    async with Watcher(link) as watcher:
        await watcher.scan()
        await asyncio.to_thread(edit, project)
        await _until_true(watcher, _PATIENCE)
        (project / "app" / "main.py").write_text("later")
        await _until_true(watcher, _PATIENCE)
        (project / "app" / "main.py").write_text("and later")
        await _told(watcher, _concerns("app/main.py"), _SOON)


async def test_a_root_that_is_a_link_may_be_pointed_elsewhere(project: Path) -> None:
    link = project.parent / "link"
    link.symlink_to(project)
    async with Watcher(link) as watcher:
        await watcher.scan()
        shutil.copytree(project, project.parent / "next")
        (project.parent / "next" / "app" / "main.py").write_text("next")
        (project.parent / "new link").symlink_to("next")
        (project.parent / "new link").rename(link)
        await _until_true(watcher, _SOON)
        (project.parent / "next" / "app" / "main.py").write_text("later")
        await _told(watcher, _concerns("app/main.py"), _SOON)


async def test_a_file_outside_of_the_context_is_told_apart(project: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings" / "devbox.toml"
    settings.parent.mkdir()
    async with Watcher(project, extra_files=[settings, tmp_path / "none" / "x"]) as watcher:
        await watcher.scan()
        (settings.parent / "other").write_text("not ours")
        settings.write_text("1")
        look = await _told(watcher, _concerns(str(settings)), _SOON)
        assert look.extra_files == (settings,)

        settings.with_suffix(".new").write_text("2")
        settings.with_suffix(".new").rename(settings)
        look = await _told(watcher, _concerns(str(settings)), _SOON)
        assert look.extra_files == (settings,)

        settings.unlink()
        look = await _told(watcher, _concerns(str(settings)), _SOON)
        assert look.extra_files == (settings,)

        (project / "app" / "main.py").write_text("saved")
        assert (await _told(watcher, _concerns("app/main.py"))).extra_files == ()


async def test_a_file_whose_directory_comes_later_is_found_by_looking(
    watcher: Watcher, project: Path
) -> None:
    settings = project.parent / "settings" / "devbox.toml"
    settings.parent.mkdir()
    settings.write_text("1")
    look = await _told(watcher, lambda look: isinstance(look, Look) and bool(look.extra_files))
    assert look.extra_files == (settings,)


async def test_nothing_scanned_yet_is_a_reason_to_look(project: Path) -> None:
    async with Watcher(project) as watcher:
        look = await _told(watcher, lambda look: True, within=1)
        assert look.reason is Reason.BACKSTOP


async def test_the_backstop_comes_without_any_event(
    watcher: Watcher, project: Path, frequent_backstop: None
) -> None:
    """A write through another name of the same file is no event in the directory that is watched."""
    other = project.parent / "other name"
    other.hardlink_to(project / "app" / "main.py")
    await _until_true(watcher, _PATIENCE)
    await watcher.scan()
    other.write_text("through the back door")
    _, told = await _until_true(watcher, _PATIENCE)
    assert isinstance(told[-1], Look)
    assert told[-1].reason is Reason.BACKSTOP


async def test_a_watch_that_was_lost_unnoticed_is_set_again_when_the_backstop_finds_a_change(
    watcher: Watcher, project: Path, frequent_backstop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guard, "moved", lambda guard, paths: None)
    _replace_directory(project)  # most file systems give it the same inode number again
    seen: list[list[Look | Degraded]] = []
    while not seen or not any(_concerns("app/main.py")(look) for look in seen[-1]):
        assert len(seen) < 5
        (project / "app" / "main.py").write_text(f"content {len(seen)}")
        seen.append((await _until_true(watcher, _PATIENCE))[1])


async def test_a_context_that_is_gone_comes_back(watcher: Watcher, project: Path) -> None:
    await asyncio.to_thread(project.rename, project.parent / "away")
    with pytest.raises(ContextError):
        await watcher.scan()
    (project.parent / "away").rename(project)
    (project / "app" / "main.py").write_text("back")
    await _until_true(watcher, _PATIENCE)


async def test_polling_finds_saves_and_says_why_it_polls(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVBOX_POLL", "1")
    monkeypatch.setattr(hints, "RustNotify", None)  # nobody may ask for events
    async with Watcher(project) as watcher:
        await watcher.scan()
        (project / "app" / "main.py").write_text("polled")
        _, told = await _until_true(watcher, _PATIENCE)
    assert isinstance(told[0], Degraded)
    assert "DEVBOX_POLL" in told[0].reason
    assert told[0].hint


class _Refusing:
    """A notifier that the system refuses a number of times."""

    def __init__(self, times: int, error: OSError | RuntimeError) -> None:
        self.left = times
        self.error = error

    def __call__(self, *directories: object, **options: object) -> RustNotify:
        if self.left:
            self.left -= 1
            raise self.error
        return RustNotify(*directories, **options)  # type: ignore[arg-type]  # passed on as they came


async def test_the_inotify_limit_is_named_and_watching_tried_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = _Refusing(3, OSError("OS file watch limit reached. about [x]"))
    monkeypatch.setattr(hints, "RustNotify", refusing)
    async with Watcher(project) as watcher:
        await watcher.scan()
        (project / "app" / "main.py").write_text("polled")
        _, told = await _until_true(watcher, _PATIENCE)
        degraded = [each for each in told if isinstance(each, Degraded)]
        assert len(degraded) == 1
        assert "fs.inotify.max_user_watches = " in degraded[0].reason
        assert "sudo sysctl fs.inotify.max_user_watches=" in degraded[0].hint

        if not any(isinstance(each, Look) and each.reason is Reason.RESTARTED for each in told):
            await _told(watcher, lambda look: isinstance(look, Look) and look.reason is Reason.RESTARTED)
        assert refusing.left == 0
        await watcher.scan()
        (project / "app" / "main.py").write_text("watched")
        await _told(watcher, _concerns("app/main.py"), _SOON)


@pytest.mark.parametrize("error", [FileNotFoundError("x"), PermissionError("x")])
async def test_directories_that_cannot_be_watched_keep_no_other_from_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    monkeypatch.setattr(hints, "RustNotify", _Refusing(1, error))
    async with Watcher(project, extra_files=[project.parent / "none" / "x"]) as watcher:
        await watcher.scan()
        (project / "app" / "main.py").write_text("watched")
        await _told(watcher, _concerns("app/main.py"), _SOON)


async def test_a_system_that_refuses_to_watch_at_all_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "RustNotify", _Refusing(1000, RuntimeError("no such luck")))
    monkeypatch.setattr(hints, "WatchfilesRustInternalError", RuntimeError)
    async with Watcher(project) as watcher:
        await watcher.scan()
        (project / "app" / "main.py").write_text("polled")
        _, told = await _until_true(watcher, _PATIENCE)
    assert any(isinstance(each, Degraded) and "no such luck" in each.reason for each in told)


async def test_a_failing_notifier_is_replaced_and_named_when_it_goes_on(
    watcher: Watcher, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event on a name that is no UTF-8 kills the notifier."""
    name = project / "app" / os.fsdecode(b"\xff")
    name.write_text("0")
    await _until_true(watcher, _PATIENCE)
    told: list[Look | Degraded] = []
    for content in range(1, 4):
        name.write_text(str(content))
        told += (await _until_true(watcher, _PATIENCE))[1]
    assert any(isinstance(each, Degraded) and "Unable to decode" in each.reason for each in told)
    assert pace.restart_delay(50) <= 5


async def test_what_came_while_nobody_asked_is_one_look(watcher: Watcher, project: Path) -> None:
    for number in range(50):
        (project / "app" / f"f{number}.py").write_text("1")
    await asyncio.sleep(0.3)
    look = await _told(watcher, lambda look: isinstance(look, Look))
    assert look.count >= 50
    snapshot = await watcher.scan()
    assert "app/f49.py" in snapshot.entries


async def test_scans_asked_for_together_all_tell_the_truth(watcher: Watcher, project: Path) -> None:
    (project / "app" / "main.py").write_text("together")
    snapshots = await asyncio.gather(*(watcher.scan() for _ in range(5)))
    assert {snapshot.digest for snapshot in snapshots} == {Scanner(project).scan().digest}


async def test_a_cancelled_scan_ends_soon_and_the_next_one_works(watcher: Watcher, project: Path) -> None:
    large = project / "large"
    with large.open("wb") as stream:
        stream.truncate(50_000_000_000)  # without a block on the disk
    scan = asyncio.create_task(watcher.scan())
    await asyncio.sleep(0.05)
    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan
    large.unlink()
    async with asyncio.timeout(5):
        assert await watcher.scan() == Scanner(project).scan()


async def test_nothing_is_left_running(project: Path) -> None:
    before = set(threading.enumerate())

    async def use() -> None:
        async with Watcher(project) as watcher:
            await watcher.scan()
            async for look in watcher.looks():
                if isinstance(look, Look):
                    await watcher.scan()

    task = asyncio.create_task(use())
    await asyncio.sleep(0.2)
    assert {thread.name for thread in set(threading.enumerate()) - before} == {
        "devbox-scan_0",
        "devbox-watch",
    }
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


async def test_closing_under_a_scan_ends_it(project: Path) -> None:
    with (project / "large").open("wb") as stream:
        stream.truncate(50_000_000_000)  # without a block on the disk
    async with Watcher(project) as watcher:
        scan = asyncio.create_task(watcher.scan())
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await scan
