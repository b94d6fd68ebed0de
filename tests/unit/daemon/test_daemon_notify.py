"""Telling a service manager, with a socket of the test in the manager's place."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from devbox.daemon.notify import Notify
from devbox.events import AppLog, ReleaseServed, SessionStarted, TimingsInfo

BEGUN = SessionStarted(project="shop", root="/shop", urls=("http://x",), engine="Docker", version="1")
SERVED = ReleaseServed(
    revision=1, image="i", strategy="recreate", url="http://x", timings=TimingsInfo(total=0.4)
)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[tuple[str, socket.socket]]:
    """NOTIFY_SOCKET, and the socket behind it."""
    with tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as folder:
        path, unique = f"{folder}/notify", uuid.uuid4().hex
        named = f"@{unique}" if request.param == "abstract" else path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
            bound.bind(f"\0{unique}" if request.param == "abstract" else path)
            bound.settimeout(10)
            yield named, bound


def heard(bound: socket.socket) -> list[str]:
    return bound.recv(4096).decode().split("\n")


async def test_it_is_ready_once_it_has_begun_and_says_what_serves(manager: tuple[str, socket.socket]) -> None:
    name, bound = manager
    notify = Notify({"NOTIFY_SOCKET": name})
    notify(BEGUN)
    assert heard(bound) == ["READY=1", "STATUS=http://x nothing serves yet"]
    notify(AppLog(revision=1, stream="stdout", line="hello"))
    notify(SERVED)
    assert heard(bound) == ["STATUS=revision 1 serving http://x in 0.40s (recreate)"]
    notify(SERVED)
    notify.stopping()
    assert heard(bound) == ["STOPPING=1"]
    notify.close()


async def test_the_watchdog_is_answered_until_the_end(manager: tuple[str, socket.socket]) -> None:
    name, bound = manager
    pid = str(os.getpid())
    notify = Notify({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000", "WATCHDOG_PID": pid})
    for _ in range(3):
        assert await asyncio.to_thread(heard, bound) == ["WATCHDOG=1"]
    notify.close()
    notify.stopping()
    while (news := heard(bound)) == ["WATCHDOG=1"]:
        pass
    assert news == ["STOPPING=1"]
    await asyncio.sleep(0.01)
    bound.setblocking(False)
    with pytest.raises(BlockingIOError):
        bound.recv(4096)


async def test_a_watchdog_of_another_process_is_not_answered(manager: tuple[str, socket.socket]) -> None:
    name, bound = manager
    notify = Notify({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"})
    notify.stopping()
    assert heard(bound) == ["STOPPING=1"]
    notify.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "x" * 200}])
async def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notify = Notify(environ)
    notify(BEGUN)
    notify.stopping()
    notify.close()


async def test_a_manager_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="dbx-", dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound,
    ):
        bound.bind(f"{folder}/notify")
        notify = Notify({"NOTIFY_SOCKET": f"{folder}/notify"})
        for _ in range(2000):
            notify.stopping()
        notify.close()
