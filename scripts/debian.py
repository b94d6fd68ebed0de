"""What set-up does to a Debian machine, each step said before it is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.engine import SetupError

QUIET_SECONDS = 900.0


def say(line: str) -> None:
    """Print one line of set-up's own, at once."""
    print(f"devbox setup: {line}", file=sys.stderr, flush=True)


def why_not_ours(path: Path = Path("/etc/os-release")) -> str:
    """Why set-up may not install packages here, '' where it may."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        lines = []
    if "ID=debian" not in lines or shutil.which("apt-get") is None:
        return "this machine is not Debian"
    if os.geteuid() != 0:
        return "you are not root"
    return ""


def install(*packages: str) -> None:
    """Install Debian packages without their recommendations; raises SetupError with apt's last line."""
    command = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends", *packages]
    if quiet(command).returncode == 0:
        return
    # The package lists are missing or too old; only then is it worth the seconds to fetch them.
    quiet(["apt-get", "-qq", "update"])
    done = quiet(command)
    if done.returncode != 0:
        raise SetupError(f"apt-get install {' '.join(packages)} failed: {done.stdout.strip()[-300:]}")


def mirror() -> str:
    """Where this machine's apt gets Debian's own packages from; raises SetupError where that is nowhere."""
    form = "$(RELEASE) $(COMPONENT) $(REPO_URI)"
    listed = quiet(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    suites = {_codename(), "oldstable", "stable", "testing", "unstable", "sid"}
    for line in listed.stdout.splitlines():
        suite, component, uri = [*line.split(" ", 2), "", ""][:3]
        if suite in suites and component == "main":
            return uri
    raise SetupError("apt's configuration names no Debian mirror; add one to /etc/apt/sources.list")


def quiet(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a command that asks nothing, run in `folder`, ended with; its output and errors in `stdout`.

    Raises SetupError where it does not end within QUIET_SECONDS.
    """
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=QUIET_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{command[0]} did not end within {QUIET_SECONDS:.0f} s") from error


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return "sid"
