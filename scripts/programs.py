"""Programs that only tests run: found, or installed from Debian's packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts import debian
from scripts.debian import say
from scripts.engine import SetupError

# Debian's systemd runs nothing where it is not the first process.
PACKAGES = {"systemd-analyze": "systemd", "bash": "bash", "node": "nodejs", "zsh": "zsh", "fish": "fish"}


def program(name: str) -> Path:
    """One of PACKAGES, installed where it was not; raises SetupError where it cannot be had."""
    if found := shutil.which(name):
        return Path(found)
    if reason := debian.why_not_ours():
        raise SetupError(f"{name} is not in PATH, and cannot be installed: {reason}")
    say(f"installing Debian's {PACKAGES[name]}")
    debian.install(PACKAGES[name])
    if found := shutil.which(name):
        return Path(found)
    raise SetupError(f"Debian's {PACKAGES[name]} brought no {name} into PATH")
