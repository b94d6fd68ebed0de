"""A stand-in for the python images of a registry that cannot be reached: Debian with its own Python."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from scripts import debian
from scripts.engine import SetupError

SUITE = "trixie"
PYTHON = "Python 3.13"

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

CHANGES = [
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    f'LABEL dev.devbox.stand-in="Debian {SUITE}, {PYTHON}"',
    'CMD ["python3"]',
]

# pip comes from its own wheel, which python3-venv brings along: unlike Debian's python3-pip it can replace
# itself, and many a Dockerfile says `pip install --upgrade pip`. The compiled modules stay: without them
# every start of a container would compile what it imports of the standard library (0.4 s for asyncio's part).
_FINISH = r"""
set -eu
rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED
chroot "$1" sh -eu -c '
    wheel=$(echo /usr/share/python-wheels/pip-*.whl)
    PYTHONPATH=$wheel python3 -m pip --quiet install --no-index --root-user-action=ignore "$wheel"
    ln -s /usr/bin/python3 /usr/local/bin/python3
    ln -s python3 /usr/local/bin/python
'
find "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/usr/share/info -mindepth 1 -delete
find "$1"/var/log "$1"/var/cache -type f -delete
"""


def tar() -> Path:
    """The stand-in's root file system as a tar, made once and kept in the user's cache directory.

    Raises SetupError where it cannot be made.
    """
    reason = debian.why_not_ours()
    if reason:
        raise SetupError(
            f"no registry answers and {reason}, so no stand-in can be made: `docker load` the image"
        )
    mirror = debian.mirror()
    kept = cache() / f"stand-in-{_recipe(mirror)}.tar"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _make(mirror, kept)
    return kept


def _make(mirror: str, kept: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        debian.say("installing Debian's mmdebstrap, which makes the stand-in")
        debian.install("mmdebstrap", "debian-archive-keyring")
    debian.say(f"making the stand-in from Debian {SUITE}, about half a minute")
    for old in kept.parent.glob("stand-in-*"):
        old.unlink()
    partial = kept.with_name(f"stand-in-partial{kept.suffix}")
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        "--include=python3,python3-venv,ca-certificates,netbase,tzdata,passwd",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
    ]
    if CERTIFICATES.exists():
        command.append(f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}")
    command += [f"--customize-hook={_FINISH}", SUITE, str(partial), mirror]
    done = debian.quiet(command)
    if done.returncode != 0:
        partial.unlink(missing_ok=True)
        raise SetupError(f"mmdebstrap failed: {done.stdout.strip()[-300:]}")
    partial.replace(kept)


def cache() -> Path:
    """Where set-up keeps what is costly to fetch or to make."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "devbox"


def _recipe(mirror: str) -> str:
    digest = hashlib.sha256("\0".join([SUITE, mirror, _FINISH]).encode())
    if CERTIFICATES.exists():
        digest.update(CERTIFICATES.read_bytes())
    return digest.hexdigest()[:12]
