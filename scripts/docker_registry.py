"""Debian's docker-registry for the tests: the program alone, so that nothing is installed and no service
starts on port 5000."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path

from scripts import debian
from scripts.debian import say
from scripts.engine import SetupError
from scripts.stand_in import cache

PACKAGE = "docker-registry"


def program() -> Path:
    """The program, from PATH or fetched once; raises SetupError where it cannot be had."""
    if found := shutil.which(PACKAGE):
        return Path(found)
    if reason := debian.why_not_ours():
        raise SetupError(f"{PACKAGE} is not in PATH, and cannot be fetched: {reason}")
    kept = cache() / PACKAGE
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / f"{PACKAGE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            say(f"fetching {PACKAGE}")
            _fetch(kept)
    return kept


def _fetch(kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as name:
        work = Path(name)
        download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", PACKAGE]
        done = debian.quiet(download, work)
        if done.returncode != 0:
            # The package lists are missing or too old.
            debian.quiet(["apt-get", "-qq", "update"])
            done = debian.quiet(download, work)
        packages = list(work.glob("*.deb"))
        if done.returncode != 0 or not packages:
            raise SetupError(f"apt-get download {PACKAGE} failed: {done.stdout.strip()[-300:]}")
        unpacked = debian.quiet(["dpkg-deb", "--extract", str(packages[0]), str(work / "root")])
        if unpacked.returncode != 0:
            raise SetupError(f"dpkg-deb failed: {unpacked.stdout.strip()[-300:]}")
        (work / "root/usr/bin" / PACKAGE).replace(kept)
