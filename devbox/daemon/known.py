"""The Config that verbs look up and end a project by, also where its folder is gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from devbox.config import Config, defaults, load_leniently
from devbox.daemon.lock import runtime_directory, state_directory
from devbox.errors import ConfigError
from devbox.report.glance import known_project


def config_of(root: Path, environ: Mapping[str, str]) -> Config:
    """As `load_leniently`; of a folder that is gone, the defaults under the name that the project had.

    Raises ConfigError for one that devbox knows nothing of: neither a daemon nor a killed one's leavings, nor
    a journal.
    """
    try:
        return load_leniently(root, environ)
    except ConfigError:
        known = known_project(state_directory(root))
        if root.exists() or not (known or runtime_directory(root).is_dir()):
            raise
    return defaults(root, known.name if known else "", environ)
