"""`devbox up` as a service of the user's own service manager: systemd, or launchd on macOS."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from devbox.daemon.lock import state_directory
from devbox.daemon.unit.managers import Manager


def manager(environ: Mapping[str, str]) -> Manager:
    """The service manager of this system."""
    # Imported here because each is of use on one system only.
    if sys.platform == "darwin":
        from devbox.daemon.unit.launchctl import Launchd

        return Launchd(environ)
    from devbox.daemon.unit.systemctl import Systemd

    return Systemd(environ)


def key_of(root: Path) -> str:
    """What tells a project's service from others: the name of its folder for state, also where `root` is no
    longer there."""
    return state_directory(root).name
