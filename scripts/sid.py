"""Packages of Debian sid, unpacked and not installed."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts import debian
from scripts.engine import SetupError

SUITE = "sid"


@contextlib.contextmanager
def fetched(root: Path, packages: Sequence[str]) -> Iterator[Path]:
    """What `packages` hold, to be looked at; it becomes `root` where that raises nothing. Raises SetupError
    where they cannot be had."""
    work = root.with_name(f"{root.name}-partial")
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists/partial").mkdir(parents=True)
    (work / "archives/partial").mkdir(parents=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (work / "sources.list").write_text(f"deb [signed-by={keyring}] {debian.mirror()} {SUITE} main\n")
    settings = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work,
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _succeeds(["apt-get", "-qq", *options, "update"])
    _succeeds(["apt-get", "-qq", *options, "download", *packages], work / "archives")
    for package in sorted((work / "archives").glob("*.deb")):
        _succeeds(["dpkg-deb", "--extract", str(package), str(work / "root")])
    yield work / "root"
    shutil.rmtree(root, ignore_errors=True)
    (work / "root").replace(root)
    shutil.rmtree(work)


def _succeeds(command: list[str], folder: Path | None = None) -> None:
    done = debian.quiet(command, folder)
    if done.returncode != 0:
        raise SetupError(f"{command[0]} failed: {done.stdout.strip()[-300:]}")
