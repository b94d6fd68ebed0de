"""systemd-analyze for the tests. Debian's systemd, where it is not the first process, runs nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts import debian
from scripts.debian import say
from scripts.engine import SetupError

PROGRAM = "systemd-analyze"


def analyze() -> Path:
    """The program, installed where it was not; raises SetupError where it cannot be had."""
    if found := shutil.which(PROGRAM):
        return Path(found)
    if reason := debian.why_not_ours():
        raise SetupError(f"{PROGRAM} is not in PATH, and cannot be installed: {reason}")
    say("installing Debian's systemd")
    debian.install("systemd")
    return Path("/usr/bin") / PROGRAM
