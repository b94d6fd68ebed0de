"""Where file events can be relied on."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox.watch import mounts
from devbox.watch.mounts import file_system, why_poll

_MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:40 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\;uid=1000
31 22 0:41 / /home/me/with\040space rw - nfs4 server:/x rw
32 31 0:42 / /home/me/with\040space/local rw - ext4 /dev/sdb rw
33 22 0:43 / /srv rw master:7 propagate_from:2 - fuse.sshfs host: rw
34 22 0:44 / /srv rw - btrfs /dev/sdc rw
35 22 0:45 / /media/stick rw - fuseblk /dev/sdd rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "ext4"),
        ("/mnt/c", "9p"),
        ("/mnt/c/project", "9p"),
        ("/mnt/cc", "ext4"),
        ("/home/me/with space/app", "nfs4"),
        ("/home/me/with space/local/app", "ext4"),
        ("/srv/app", "btrfs"),
        ("/media/stick", "fuseblk"),
    ],
)
def test_the_innermost_and_last_mount_counts(path: str, kind: str) -> None:
    assert file_system(path, _MOUNTINFO) == kind


def test_an_unknown_place_has_no_type() -> None:
    assert file_system("/x", "") == ""


@pytest.mark.parametrize(
    ("kind", "polls"),
    [
        ("ext4", False),
        ("overlay", False),
        ("fuseblk", False),
        ("9p", True),
        ("nfs", True),
        ("fuse.sshfs", True),
    ],
)
def test_network_and_host_file_systems_are_polled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, polls: bool
) -> None:
    (tmp_path / "mountinfo").write_text(f"1 0 0:1 / / rw - {kind} x rw\n")
    monkeypatch.setattr(mounts, "_MOUNTINFO", tmp_path / "mountinfo")
    assert (kind in why_poll(str(tmp_path), {})) is polls


def test_a_system_without_mountinfo_has_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mounts, "_MOUNTINFO", tmp_path / "none")
    assert why_poll(str(tmp_path), {}) == ""


@pytest.mark.parametrize(
    ("environment", "polls"),
    [
        ({}, False),
        ({"DEVBOX_POLL": "1"}, True),
        ({"DEVBOX_POLL": "0"}, False),
        ({"DEVBOX_POLL": ""}, False),
        ({"WATCHFILES_FORCE_POLLING": "true"}, True),
        ({"WATCHFILES_FORCE_POLLING": "disable"}, False),
        ({"WATCHFILES_FORCE_POLLING": "true", "DEVBOX_POLL": "false"}, False),
    ],
)
def test_the_environment_decides_where_it_says_something(
    tmp_path: Path, environment: dict[str, str], polls: bool
) -> None:
    assert bool(why_poll(str(tmp_path), environment)) is polls
