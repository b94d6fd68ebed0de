"""A look where the hints point, as a large context gets it: what it shows, and what it leaves to a scan."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from devbox.errors import ContextError
from devbox.watch import Look, Reason, Scanner, Watcher
from devbox.watch import watcher as watcher_module

_PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every context counts as large, and events come."""
    monkeypatch.setattr(watcher_module, "_QUICK", 0.0)
    monkeypatch.setenv("DEVBOX_POLL", "0")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "app" / "sub").mkdir(parents=True)
    (root / "app" / "main.py").write_text("0")
    (root / "app" / "sub" / "other.py").write_text("0")
    (root / ".dockerignore").write_text("**/*.log\n")
    return root


@pytest.fixture
async def watcher(project: Path) -> AsyncIterator[Watcher]:
    async with Watcher(project) as watching:
        await watching.scan()
        yield watching


def _save(root: Path) -> None:
    (root / "app" / ".main.py.swp").write_text("1")
    (root / "app" / ".main.py.swp").rename(root / "app" / "main.py")


def _add_and_remove(root: Path) -> None:
    (root / "app" / "new.py").write_text("1")
    (root / "app" / "main.py").unlink()


def _rename_directory(root: Path) -> None:
    (root / "app" / "sub").rename(root / "lib")


def _exchange_directories(root: Path) -> None:
    shutil.copytree(root / "app" / "sub", root / "fresh")
    (root / "fresh" / "other.py").write_text("1")
    (root / "app" / "sub").rename(root / "old")
    (root / "fresh").rename(root / "app" / "sub")


def _nested(root: Path) -> None:
    (root / "new" / "deep").mkdir(parents=True)
    (root / "new" / "deep" / "file").write_text("1")


def _rules(root: Path) -> None:
    (root / ".dockerignore").write_text("app/sub\n")


def _mode_of_a_directory(root: Path) -> None:
    (root / "app" / "sub").chmod(0o700)


def _many(root: Path) -> None:
    for number in range(300):
        (root / "app" / f"f{number}").write_text("1")


def _swap_root(root: Path) -> None:
    shutil.copytree(root, root.parent / "copy")
    (root.parent / "copy" / "app" / "sub" / "other.py").write_text("copy")
    root.rename(root.parent / "old")
    (root.parent / "copy").rename(root)


@pytest.mark.parametrize(
    "edit",
    [
        _save,
        _add_and_remove,
        _rename_directory,
        _exchange_directories,
        _nested,
        _rules,
        _mode_of_a_directory,
        _many,
        _swap_root,
    ],
)
async def test_hints_alone_lead_to_what_is_on_disk(
    watcher: Watcher, project: Path, edit: Callable[[Path], None]
) -> None:
    edit(project)
    for again in (None, _save):
        if again:
            again(project)
            (project / "app" / "main.py").write_text("last")
        await _seen_by_glances(watcher)


async def _seen_by_glances(watcher: Watcher) -> None:
    async with asyncio.timeout(_PATIENCE), aclosing(watcher.looks()) as looks:
        async for look in looks:
            if isinstance(look, Look) and look.reason is not Reason.BACKSTOP:
                with suppress(ContextError):
                    snapshot, _ = await watcher.glance()
                    if snapshot == Scanner(watcher.root).scan():
                        return


async def _hinted(watcher: Watcher, path: str) -> None:
    async with asyncio.timeout(_PATIENCE), aclosing(watcher.looks()) as looks:
        async for look in looks:
            if isinstance(look, Look) and path in look.paths:
                return


async def test_what_no_event_told_is_left_to_a_scan_and_never_passes_for_seen(
    project: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    os.link(project / "app" / "sub" / "other.py", elsewhere)
    async with Watcher(project) as watcher:
        before = await watcher.scan()
        assert await watcher.still(before.digest)
        elsewhere.write_text("changed without an event in the project")
        (project / "app" / "main.py").write_text("1")
        await _hinted(watcher, "app/main.py")
        snapshot, whole = await watcher.glance()
        assert not whole
        assert snapshot.entries["app/main.py"] != before.entries["app/main.py"]
        assert snapshot.entries["app/sub/other.py"] == before.entries["app/sub/other.py"]
        assert not await watcher.still(snapshot.digest)
        after = await watcher.scan()
        assert after == Scanner(project).scan()
        assert await watcher.still(after.digest)


async def test_what_a_scan_saw_whole_is_still_there_until_a_hint_comes(
    watcher: Watcher, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "app" / "main.py").write_text("1")
    await _hinted(watcher, "app/main.py")
    snapshot, whole = await watcher.glance()
    assert not whole
    # Beside a build.
    assert (await watcher.scan()).digest == snapshot.digest

    def refused(*_: object) -> None:
        raise AssertionError("everything was looked at")

    monkeypatch.setattr(Scanner, "scan", refused)
    assert await watcher.still(snapshot.digest)
    (project / "app" / "main.py").write_text("2")
    await _hinted(watcher, "app/main.py")
    assert not await watcher.still(snapshot.digest)


async def test_a_failed_scan_is_made_good_by_one_of_everything(watcher: Watcher, project: Path) -> None:
    os.mkfifo(project / "app" / "pipe")
    await _hinted(watcher, "app/pipe")
    with pytest.raises(ContextError):
        await watcher.glance()
    (project / "app" / "pipe").unlink()
    snapshot, whole = await watcher.glance()
    assert whole
    assert snapshot == Scanner(project).scan()
