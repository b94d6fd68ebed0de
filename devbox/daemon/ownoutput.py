"""The files that devbox itself writes to: a log inside the project must not set off the next build."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from devbox.errors import ContextError
from devbox.model import Snapshot


def output_files(context: Path) -> frozenset[str]:
    """The files below `context`, relative to it, that standard output and standard error go to.

    Found by the name the system knows (Linux); elsewhere none are.
    """
    found = set()
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is None or not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                continue
            path = Path(f"/proc/self/fd/{stream.fileno()}").readlink()
        except (OSError, ValueError):
            continue
        if path.is_relative_to(context):
            found.add(path.relative_to(context).as_posix())
    return frozenset(found)


def refuse_own_output(own: frozenset[str], snapshot: Snapshot) -> None:
    """Raises ContextError where devbox writes to a file that is part of the build context."""
    for name in sorted(own & snapshot.entries.keys()):
        raise ContextError(
            f"devbox writes to {name}, which is part of the build context",
            path=name,
            cause="every line it writes would start a build",
            hint=f"add {name} to .dockerignore, or write it elsewhere",
        )
