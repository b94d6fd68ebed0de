"""Whether file events can be relied on where a project lies."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")
_NETWORKS = {"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb2", "smb3", "smbfs"}
_HOSTS = {"drvfs", "prl_fs", "vboxsf", "virtiofs", "vmhgfs"}
_OFF = frozenset({"0", "false", "no", "off", "disable", "disabled"})


def why_poll(root: str, environment: Mapping[str, str]) -> str:
    """Why `root` has to be polled, in words; '' where events come.

    DEVBOX_POLL and WATCHFILES_FORCE_POLLING decide where they are set. Otherwise the type of the file system
    does: a network or a host behind a virtual machine changes files without this kernel's knowledge.
    """
    for name in ("DEVBOX_POLL", "WATCHFILES_FORCE_POLLING"):
        wish = environment.get(name, "")
        if wish:
            return "" if wish.lower() in _OFF else f"{name} asks for it"
    try:
        kind = file_system(os.path.realpath(root), _MOUNTINFO.read_text("utf-8", "surrogateescape"))
    except OSError:
        return ""  # no Linux
    if kind in _NETWORKS | _HOSTS or kind.startswith("fuse."):
        return f"file events do not come from a file system of type {kind}"
    return ""


def file_system(path: str, mountinfo: str) -> str:
    """The type of the file system that an absolute path without links lies on, '' where unknown; `mountinfo`
    is the text of /proc/self/mountinfo (proc(5))."""
    best, kind = "", ""
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        if len(fields) < 5 or not tail:
            continue
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
        if len(point) >= len(best) and f"{path}/".startswith(point.rstrip("/") + "/"):
            best, kind = point, tail.split(" ")[0]
    return kind
